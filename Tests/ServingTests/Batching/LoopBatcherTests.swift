import Models
import Primitives
import Serving
import Synchronization
import Telemetry
import Testing

/// A loop's batcher over one model, without any loop.
private struct Bench {
    let metrics = ServerMetrics(routes: [], statuses: [], loopCount: 1, workerCount: 2)
    let model: Doubler
    let version: ModelVersion
    let mailbox: Mailbox<LoopMessage>
    let pool: ComputePool
    let batcher: LoopBatcher

    init(
        inlineNanosecondsMax: Double, configuration: ModelConfiguration = .init(),
        limits: Limits = .standard
    ) throws {
        model = Doubler()
        version = ModelVersion(
            name: "doubler", version: "1", index: 0, model: model, configuration: configuration,
            metrics: metrics.addModel("doubler", version: "1"))
        version.latency.calibrate(rows1: 1, nanoseconds1: 1000, rows2: 2, nanoseconds2: 1000)
        mailbox = try Mailbox()
        pool = try ComputePool(workerCount: 1, firstThread: 1)
        batcher = LoopBatcher(
            thread: 0, pool: pool, home: mailbox, inlineNanosecondsMax: inlineNanosecondsMax,
            limits: limits)
    }

    /// Puts a request of equal rows into the open batch.
    func submit(_ value: Float, rows: Int = 1, connection: UInt64) {
        let batch = batcher.batch(for: version, rowShapes: [[2]])
        batch.inputs[0].reserve(rows: batch.rowCount + rows)
        let memory = batch.inputs[0].memory
        var values = memory.mutableSpan(as: Float.self)
        for row in batch.rowCount..<batch.rowCount + rows {
            values[row * 2] = value
            values[row * 2 + 1] = value
        }
        batch.commit(
            Ticket(
                connection: connection, sequence: 0, rowStart: batch.rowCount, rowCount: rows,
                parsedNanoseconds: MonotonicClock.nanoseconds, notes: 0))
    }
}

/// First result value of each request, or its failure, by connection.
private func results(_ batch: OpenBatch, into answers: inout [UInt64: String]) {
    let memory = batch.outputs[0].memory
    let values = memory.span(as: Float.self)
    for ticket in batch.tickets {
        answers[ticket.connection] =
            ticket.failure?.description ?? "\(values[ticket.rowStart * 2])"
    }
}

@Test func requestsOfOneTurnAreOneRun() throws {
    let bench = try Bench(inlineNanosecondsMax: 1e9)
    for index in 0..<10 { bench.submit(Float(index), connection: UInt64(index)) }
    var answers: [UInt64: String] = [:]
    bench.batcher.flush { results($0, into: &answers) }
    #expect(bench.model.log.all == [10])
    #expect(answers.count == 10)
    for index in 0..<10 { #expect(answers[UInt64(index)] == "\(Float(index * 2))") }
    #expect(!bench.batcher.hasOpenBatches)
}

@Test func aTurnLargerThanTheBatchSizeIsSeveralEvenRuns() throws {
    var configuration = ModelConfiguration()
    configuration.batching.batchSizeMax = 8
    let bench = try Bench(inlineNanosecondsMax: 1e9, configuration: configuration)
    bench.submit(3, rows: 20, connection: 1)
    var answers: [UInt64: String] = [:]
    bench.batcher.flush { results($0, into: &answers) }
    #expect(bench.model.log.all == [7, 7, 6])
    #expect(answers == [1: "6.0"])
}

@Test func aTurnOfManyBatchesIsFilledAgainFromTheSameMemory() throws {
    let bench = try Bench(inlineNanosecondsMax: 1e9)
    var turns: [Set<ObjectIdentifier>] = []
    for _ in 0..<3 {
        for index in 0..<20 { bench.submit(1, rows: 100, connection: UInt64(index)) }
        var batches: [OpenBatch] = []
        bench.batcher.flush { batches.append($0) }
        turns.append(Set(batches.map(ObjectIdentifier.init)))
    }
    #expect(turns[0].count == 20)
    #expect(turns[1] == turns[0])
    #expect(turns[2] == turns[0])
}

@Test func freeBatchesAreBoundedInMemory() throws {
    var limits = Limits()
    limits.freeBatchBytesMax = 100 << 10
    let bench = try Bench(inlineNanosecondsMax: 1e9, limits: limits)
    func turn() -> Set<ObjectIdentifier> {
        for index in 0..<20 { bench.submit(1, rows: 1_000, connection: UInt64(index)) }
        var batches: [OpenBatch] = []
        bench.batcher.flush { batches.append($0) }
        return Set(batches.map(ObjectIdentifier.init))
    }
    // 1,000 rows of two floats in and two out are 16,000 bytes: six of twenty are kept.
    #expect(turn().count == 20)
    #expect(bench.batcher.freeBatchCount(of: bench.version) == 6)
}

@Test(arguments: [0, 1, 31, 62, 63])
func oneBadRequestInABatchFailsAlone(bad: Int) throws {
    let bench = try Bench(inlineNanosecondsMax: 1e9)
    for index in 0..<64 { bench.submit(index == bad ? -1 : 5, connection: UInt64(index)) }
    var answers: [UInt64: String] = [:]
    bench.batcher.flush { results($0, into: &answers) }
    for index in 0..<64 {
        #expect(answers[UInt64(index)] == (index == bad ? "negative" : "10.0"))
    }
    // Halves: 64, then two of each size on the way down at most.
    #expect(bench.model.log.all.count <= 1 + 2 * 6)
}

@Test func dearBatchesAreJoinedByThePoolAndComeBack() throws {
    let bench = try Bench(inlineNanosecondsMax: 0)
    for turn in 0..<6 {
        bench.submit(Float(turn), rows: 2, connection: UInt64(turn))
        bench.batcher.flush { _ in Issue.record("a dear batch was run inline") }
    }
    // All six wait before the worker starts, so they are one run of 12 rows.
    bench.pool.stop()
    bench.pool.runWorker(0)
    var answers: [UInt64: String] = [:]
    var messages: [LoopMessage] = []
    bench.mailbox.receive(into: &messages)
    for message in messages {
        guard case .completed(let batch) = message else { continue }
        results(batch, into: &answers)
    }
    #expect(bench.model.log.all == [12])
    #expect(answers.count == 6)
    for turn in 0..<6 { #expect(answers[UInt64(turn)] == "\(Float(turn * 2))") }
}

@Test func aFullQueueRefusesWithATimeToComeBack() throws {
    var configuration = ModelConfiguration()
    configuration.batching.queueItemsMax = 3
    let bench = try Bench(inlineNanosecondsMax: 0, configuration: configuration)
    var refused = 0
    for turn in 0..<5 {
        bench.submit(1, connection: UInt64(turn))
        bench.batcher.flush { batch in
            refused += 1
            guard case .refused(.queueFull(let wait)) = batch.outcome else {
                Issue.record("completed without the worker")
                return
            }
            #expect(wait > 0)
        }
    }
    #expect(refused == 2)
}

@Test func poisonedBatchesInThePoolFailAloneToo() throws {
    let bench = try Bench(inlineNanosecondsMax: 0)
    for turn in 0..<8 {
        bench.submit(turn == 5 ? -1 : 4, connection: UInt64(turn))
        bench.batcher.flush { _ in }
    }
    bench.pool.stop()
    bench.pool.runWorker(0)
    var answers: [UInt64: String] = [:]
    var messages: [LoopMessage] = []
    bench.mailbox.receive(into: &messages)
    for message in messages {
        guard case .completed(let batch) = message else { continue }
        results(batch, into: &answers)
    }
    for turn in 0..<8 { #expect(answers[UInt64(turn)] == (turn == 5 ? "negative" : "8.0")) }
}

@Test func requestsOfAClientThatLeftAreNeverComputed() throws {
    let bench = try Bench(inlineNanosecondsMax: 0)
    for turn in 0..<6 {
        bench.submit(Float(turn), connection: UInt64(turn % 3))
        bench.submit(Float(turn + 10), connection: UInt64(turn % 3))
        bench.batcher.flush { _ in }
    }
    #expect(bench.batcher.cancel(connection: 1, sequence: nil) == 4)
    #expect(bench.batcher.cancel(connection: 1, sequence: nil) == 0)
    #expect(bench.batcher.cancel(connection: 77, sequence: nil) == 0)
    bench.pool.stop()
    bench.pool.runWorker(0)
    #expect(bench.model.log.all == [8])
    var messages: [LoopMessage] = []
    bench.mailbox.receive(into: &messages)
    var values: [String] = []
    for message in messages {
        guard case .completed(let batch) = message else { continue }
        let memory = batch.outputs[0].memory
        let results = memory.span(as: Float.self)
        for ticket in batch.tickets where ticket.fate == .live {
            values.append("\(results[ticket.rowStart * 2])")
        }
    }
    #expect(values == ["0.0", "20.0", "4.0", "24.0", "6.0", "26.0", "10.0", "30.0"])
}

@Test func cancelledRequestsFreeTheirPlaceInTheQueue() throws {
    var configuration = ModelConfiguration()
    configuration.batching.queueItemsMax = 2
    let bench = try Bench(inlineNanosecondsMax: 0, configuration: configuration)
    var refused = 0
    func submit(_ connection: UInt64) {
        bench.submit(1, connection: connection)
        bench.batcher.flush { _ in refused += 1 }
    }
    submit(1)
    submit(2)
    submit(3)
    #expect(refused == 1)
    #expect(bench.batcher.cancel(connection: 1, sequence: nil) == 1)
    submit(4)
    #expect(refused == 1)
}
