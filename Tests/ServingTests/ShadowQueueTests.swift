import Models
import Primitives
import Serving
import Telemetry
import Testing

/// A classifier of a kind: a label (1 when x is above the threshold) and two scores.
private struct Threshold: Model {
    let signature = Signature(
        inputs: [TensorSpec("x", .float32, [-1])],
        outputs: [TensorSpec("label", .int64, [-1]), TensorSpec("scores", .float32, [-1, 2])])
    let threshold: Float

    init(_ threshold: Float) { self.threshold = threshold }
    init(artifact: Artifact, context: LoadContext) throws(ModelLoadError) { threshold = 0 }

    func predict(
        _ batch: borrowing TensorBatch, into results: inout TensorBatch
    ) throws(PredictionError) {
        let x = batch.float32(0)
        var labels = results.mutableValues(0, as: Int64.self)
        for row in x.indices {
            guard x[row] >= 0 else { throw PredictionError(.failed, "negative") }
            labels[row] = x[row] > threshold ? 1 : 0
        }
        var scores = results.mutableFloat32(1)
        for row in x.indices {
            scores[row * 2] = x[row]
            scores[row * 2 + 1] = threshold
        }
    }
}

private struct Bench {
    let metrics = ServerMetrics(routes: [], statuses: [], loopCount: 1, workerCount: 1)
    let batcher: LoopBatcher
    let primary: ModelVersion

    init() throws {
        let mailbox = try Mailbox<LoopMessage>()
        batcher = LoopBatcher(
            thread: 0, pool: try ComputePool(workerCount: 1, firstThread: 1), home: mailbox,
            inlineNanosecondsMax: 1e9)
        primary = Self.version(metrics, "1", Threshold(10))
        primary.latency.calibrate(rows1: 1, nanoseconds1: 1000, rows2: 2, nanoseconds2: 1000)
    }

    static func version(
        _ metrics: ServerMetrics, _ number: String, _ model: any Model
    ) -> ModelVersion {
        ModelVersion(
            name: "a", version: number, index: number == "1" ? 0 : 1, model: model,
            configuration: ModelConfiguration(), metrics: metrics.addModel("a", version: number))
    }

    /// Answers a request of these rows, and lets a shadow have a copy of it.
    func ask(_ rows: [Float], shadow: ModelVersion, queue: ShadowQueue) {
        let batch = batcher.batch(for: primary, rowShapes: [[]])
        let column = batch.inputs[0]
        column.reserve(rows: batch.rowCount + rows.count)
        let memory = column.memory
        var values = memory.mutableSpan(as: Float.self)
        for (index, value) in rows.enumerated() { values[batch.rowCount + index] = value }
        batch.commit(
            Ticket(
                connection: 1, sequence: 0, rowStart: batch.rowCount, rowCount: rows.count,
                parsedNanoseconds: MonotonicClock.nanoseconds, notes: 0))
        batcher.flush { batch in
            for ticket in batch.tickets { queue.add(batch, ticket, to: shadow) }
        }
    }

    func figure(_ name: String) -> String? {
        var buffer = ByteBuffer()
        MetricsPage.render(metrics, into: &buffer)
        for line in buffer.text.split(separator: "\n")
        where line.hasPrefix("\(name){model=\"a\",version=\"2\"} ") {
            return line.split(separator: " ").last.map(String.init)
        }
        return nil
    }
}

@Test func aShadowIsComparedWithWhatWasAnswered() throws {
    let bench = try Bench()
    let queue = try ShadowQueue()
    let shadow = Bench.version(bench.metrics, "2", Threshold(12))
    bench.ask([1, 11, 13], shadow: shadow, queue: queue)
    bench.ask([11.5], shadow: shadow, queue: queue)
    #expect(bench.figure("martlet_shadow_rows_total") == nil)
    queue.runWaiting()
    #expect(bench.figure("martlet_shadow_rows_total") == "4")
    // 11 and 11.5 are above one threshold and below the other.
    #expect(bench.figure("martlet_shadow_agreeing_rows_total") == "2")
    #expect(bench.figure("martlet_shadow_difference_max") == "2.0")
    #expect(bench.figure("martlet_shadow_seconds_count") == "2")
    #expect(bench.figure("martlet_shadow_failed_total") == "0")
}

@Test func aShadowOfAnotherKindFailsAndHarmsNobody() throws {
    let bench = try Bench()
    let queue = try ShadowQueue()
    let other = Bench.version(bench.metrics, "2", Doubler())
    bench.ask([1], shadow: other, queue: queue)
    queue.runWaiting()
    #expect(bench.figure("martlet_shadow_failed_total") == "1")
}

@Test func whatDoesNotFitTheShadowsQueueIsDroppedAndCounted() throws {
    let bench = try Bench()
    var limits = Limits()
    limits.shadowItemsMax = 2
    let queue = try ShadowQueue(limits: limits)
    let shadow = Bench.version(bench.metrics, "2", Threshold(10))
    for _ in 0..<5 { bench.ask([1], shadow: shadow, queue: queue) }
    #expect(bench.figure("martlet_shadow_dropped_total") == "3")
    queue.runWaiting()
    #expect(bench.figure("martlet_shadow_rows_total") == "2")
    // 4 bytes in, 16 out: the third request does not fit.
    limits.shadowItemsMax = 100
    limits.shadowBytesMax = 50
    let narrow = try ShadowQueue(limits: limits)
    for _ in 0..<3 { bench.ask([1], shadow: shadow, queue: narrow) }
    #expect(bench.figure("martlet_shadow_dropped_total") == "4")
}
