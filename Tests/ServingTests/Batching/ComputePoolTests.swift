import IO
import Models
import Primitives
import Serving
import Synchronization
import Telemetry
import Testing

/// y = x + 1, slowly: so many microseconds a run, asleep. Counts rows, and the values it saw.
private struct Sleeper: Model {
    let signature = Signature(
        inputs: [TensorSpec("x", .float32, [-1, 1])], outputs: [TensorSpec("y", .float32, [-1, 1])])
    let seen = Mutexed()
    var microseconds = 0

    init(microseconds: Int) { self.microseconds = microseconds }
    init(artifact: Artifact, context: LoadContext) throws(ModelLoadError) {}

    func predict(
        _ batch: borrowing TensorBatch, into results: inout TensorBatch
    ) throws(PredictionError) {
        let end = MonotonicClock.nanoseconds + UInt64(microseconds) * 1_000
        while MonotonicClock.nanoseconds < end {}
        let x = batch.float32(0)
        var y = results.mutableFloat32(0)
        var values: [Float] = []
        for index in x.indices {
            y[index] = x[index] + 1
            values.append(x[index])
        }
        seen.add(values)
    }
}

final class Mutexed: Sendable {
    private let values = Mutex<[Float]>([])
    func add(_ more: [Float]) { values.withLock { $0 += more } }
    var all: [Float] { values.withLock { $0 } }
}

/// A pool with its threads, and one loop's side of it.
private final class Rig {
    let model: Sleeper
    let version: ModelVersion
    let pool: ComputePool
    let mailbox: Mailbox<LoopMessage>
    let batcher: LoopBatcher
    let metrics: ServerMetrics
    private var threads: [Thread] = []
    private var messages: [LoopMessage] = []

    init(
        microseconds: Int, workers: Int = 1, configuration: ModelConfiguration = .init(),
        starts: Bool = true
    ) throws {
        metrics = ServerMetrics(
            routes: [], statuses: [], loopCount: 1, workerCount: workers + 1)
        model = Sleeper(microseconds: microseconds)
        version = ModelVersion(
            name: "sleeper", version: "1", index: 0, model: model, configuration: configuration,
            metrics: metrics.addModel("sleeper", version: "1"))
        let cost = Double(microseconds) * 1e3
        version.latency.calibrate(rows1: 1, nanoseconds1: cost, rows2: 2, nanoseconds2: cost)
        mailbox = try Mailbox()
        pool = try ComputePool(workerCount: workers, firstThread: 1)
        batcher = LoopBatcher(thread: 0, pool: pool, home: mailbox, inlineNanosecondsMax: 0)
        if starts { try start() }
    }

    func start() throws {
        for number in 0..<pool.workerCount {
            let pool = pool
            threads.append(try Thread(name: "w\(number)") { pool.runWorker(number) })
        }
    }

    func submit(
        _ values: [Float], connection: UInt64, timeoutMilliseconds: UInt64 = 60_000,
        priority: RequestPriority = .high
    ) -> [OpenBatch] {
        let now = MonotonicClock.nanoseconds
        let batch = batcher.batch(for: version, rowShapes: [[1]])
        batch.inputs[0].reserve(rows: values.count)
        let memory = batch.inputs[0].memory
        var x = memory.mutableSpan(as: Float.self)
        for (row, value) in values.enumerated() { x[row] = value }
        batch.commit(
            Ticket(
                connection: connection, sequence: 0, rowStart: 0, rowCount: values.count,
                parsedNanoseconds: now, deadlineNanoseconds: now + timeoutMilliseconds * 1_000_000,
                priority: priority, notes: 0))
        var refused: [OpenBatch] = []
        batcher.flush { refused.append($0) }
        return refused
    }

    /// Waits for so many batches to come home.
    func receive(_ count: Int) -> [OpenBatch] {
        var batches: [OpenBatch] = []
        let end = MonotonicClock.nanoseconds + 30_000_000_000
        while batches.count < count, MonotonicClock.nanoseconds < end {
            batches += received()
        }
        return batches
    }

    /// What has come home.
    func received() -> [OpenBatch] {
        mailbox.receive(into: &messages)
        return messages.compactMap { if case .completed(let batch) = $0 { batch } else { nil } }
    }

    func stop() {
        pool.stop()
        for thread in threads { thread.join() }
    }
}

@Test func workersAnswerEveryRequestOnce() throws {
    let rig = try Rig(microseconds: 20, workers: 3)
    var random = SeededRandom(1)
    var expected: [UInt64: [Float]] = [:]
    for connection in 0..<2_000 as Range<UInt64> {
        let values = (0..<Int.random(in: 1...5, using: &random)).map { _ in
            Float.random(in: 0...1, using: &random)
        }
        // A full queue refuses; the loop then waits a moment.
        while !rig.submit(values, connection: connection).isEmpty {}
        expected[connection] = values
    }
    let batches = rig.receive(2_000)
    #expect(batches.count == 2_000)
    for batch in batches {
        let ticket = batch.tickets[0]
        let memory = batch.outputs[0].memory
        let y = memory.span(as: Float.self)
        let values = expected.removeValue(forKey: ticket.connection)
        #expect(values?.enumerated().allSatisfy { y[$0] == $1 + 1 } ?? false)
    }
    #expect(expected.isEmpty)
    rig.stop()
}

@Test func expiredRequestsAreNeverComputedAndSaidSo() throws {
    let rig = try Rig(microseconds: 50_000)
    // The first holds the only worker (the express one serves no model that has one).
    #expect(rig.submit([-1], connection: 100).isEmpty)
    while rig.model.seen.all.isEmpty, rig.pool.waitingItems > 0 {}
    // The estimate is made to say that there is plenty of time.
    rig.version.latency.calibrate(rows1: 1, nanoseconds1: 1_000, rows2: 2, nanoseconds2: 1_000)
    for connection in 0..<10 as Range<UInt64> {
        #expect(
            rig.submit([Float(connection)], connection: connection, timeoutMilliseconds: 5).isEmpty)
    }
    let end = MonotonicClock.nanoseconds + 10_000_000
    while MonotonicClock.nanoseconds < end {}
    rig.batcher.expire(now: MonotonicClock.nanoseconds)
    let batches = rig.receive(11)
    let expired = batches.filter { $0.tickets[0].fate == .expired }
    #expect(expired.count == 10)
    #expect(rig.model.seen.all == [-1])
    rig.stop()
}

@Test func requestsOfAClientThatLeftAreNotComputedByWorkers() throws {
    let rig = try Rig(microseconds: 30_000)
    #expect(rig.submit([-1], connection: 100).isEmpty)
    while rig.pool.waitingItems > 0 {}
    for connection in 0..<10 as Range<UInt64> {
        #expect(rig.submit([Float(connection)], connection: connection % 2).isEmpty)
    }
    #expect(rig.batcher.cancel(connection: 1, sequence: nil) == 5)
    let batches = rig.receive(11)
    #expect(batches.filter { $0.tickets[0].fate == .cancelled }.count == 5)
    #expect(rig.model.seen.all.sorted() == [-1, 0, 2, 4, 6, 8])
    rig.stop()
}

@Test func aLongRequestIsComputedInPiecesAndWhole() throws {
    var configuration = ModelConfiguration()
    configuration.batching.batchSizeMax = 16
    let rig = try Rig(microseconds: 4_000, configuration: configuration)
    let values = (0..<200).map { Float($0) }
    #expect(rig.submit(values, connection: 1).isEmpty)
    while rig.model.seen.all.isEmpty {}
    // Another one passes between two pieces, since it is due earlier.
    #expect(rig.submit([1_000], connection: 2, timeoutMilliseconds: 10_000).isEmpty)
    let batches = rig.receive(2)
    #expect(batches.map { $0.tickets[0].connection } == [2, 1])
    #expect(rig.model.seen.all.count == 201)
    let memory = batches[1].outputs[0].memory
    let y = memory.span(as: Float.self)
    #expect((0..<200).allSatisfy { y[$0] == Float($0) + 1 })
    rig.stop()
}

/// What workers compute is theirs: a client that leaves meanwhile is looked for elsewhere only. The thread
/// sanitizer saw the look.
@Test func whoLeavesWhileItIsComputedIsNotLookedFor() throws {
    var configuration = ModelConfiguration()
    configuration.batching.batchSizeMax = 4
    let rig = try Rig(microseconds: 200, configuration: configuration)
    for connection in 0..<8 as Range<UInt64> {
        let values = (0..<40).map { Float($0) }
        #expect(rig.submit(values, connection: connection).isEmpty)
    }
    while rig.model.seen.all.isEmpty {}
    // Of a connection that asked for nothing, so that every batch that may be looked into is.
    var batches: [OpenBatch] = []
    let end = MonotonicClock.nanoseconds + 30_000_000_000
    var cancelled = 0
    while batches.count < 8, MonotonicClock.nanoseconds < end {
        cancelled += rig.batcher.cancel(connection: 99, sequence: nil)
        batches += rig.received()
    }
    #expect(cancelled == 0)
    #expect(batches.count == 8)
    #expect(batches.allSatisfy { $0.tickets[0].fate == .live && $0.outcome == .computed })
    rig.stop()
}

@Test func aQueueDelayGathersCompanyAndEndsInTime() throws {
    var configuration = ModelConfiguration()
    configuration.batching.queueDelayNanoseconds = 30_000_000
    let rig = try Rig(microseconds: 10, configuration: configuration)
    let begin = MonotonicClock.nanoseconds
    for connection in 0..<5 as Range<UInt64> {
        #expect(rig.submit([Float(connection)], connection: connection).isEmpty)
    }
    let batches = rig.receive(5)
    let elapsed = MonotonicClock.nanoseconds - begin
    #expect(batches.count == 5)
    #expect(elapsed >= 30_000_000)
    // They were one run: all began at the same moment.
    #expect(Set(batches.map { $0.tickets[0].startedNanoseconds }).count == 1)
    rig.stop()
}
