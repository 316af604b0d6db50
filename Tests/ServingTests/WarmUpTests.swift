import Models
import Primitives
import Serving
import Synchronization
import Testing

/// A model that is planned by the size of its batches, and notes the sizes it ran.
private struct Planned: Model {
    let signature = Signature(
        inputs: [TensorSpec("x", .float32, [-1, 2])], outputs: [TensorSpec("y", .float32, [-1])])
    static let log = RunLog()
    var plannedRows: Int { 6 }

    init(artifact: Artifact, context: LoadContext) throws(ModelLoadError) {}
    func predict(
        _ batch: borrowing TensorBatch, into results: inout TensorBatch
    ) throws(PredictionError) { Self.log.record(batch.rowCount) }
}

private func serve(
    _ compiled: CompiledModel
) throws -> (version: ModelVersion?, lines: Lines) {
    let bench = try LoaderBench(compiled: [compiled])
    bench.loader.start()
    return (bench.model(compiled.name)?.defaultVersion, bench.lines)
}

@Test func everyPlannedBatchSizeRunsBeforeAModelIsReady() throws {
    var configuration = ModelConfiguration()
    configuration.batching.batchSizeMax = 16
    _ = try serve(CompiledModel(Planned.self, name: "a", configuration: configuration))
    #expect(Set(Planned.log.all) == [1, 2, 3, 4, 5, 6, 8, 16])
}

@Test func warmUpMeasuresWhatABatchCosts() throws {
    let (version, _) = try serve(CompiledModel(Doubler.self, name: "a"))
    #expect(try #require(version).latency.nanoseconds(rows: 1) < 1e6)
}

@Test func aModelThatRefusesZerosAsInputIsServedAndMeasured() throws {
    let (version, lines) = try serve(CompiledModel(ZeroHater.self, name: "a"))
    #expect(try #require(version).latency.nanoseconds(rows: 1) < 1e8)
    #expect(lines.all.isEmpty)
}

@Test func samplesAreWhatTheFirstRunsGet() throws {
    var configuration = ModelConfiguration()
    configuration.warmUp.samples = [.array([.integer(3)])]
    let (version, lines) = try serve(
        CompiledModel(ZeroHater.self, name: "a", configuration: configuration))
    #expect(version != nil && lines.all.isEmpty)
    // A sample that the model refuses is a mistake worth telling.
    configuration.warmUp.samples = [.array([.integer(3)]), .array([.integer(0)])]
    let (refused, said) = try serve(
        CompiledModel(ZeroHater.self, name: "a", configuration: configuration))
    #expect(refused == nil)
    #expect(said.all.first?.contains("warm_up.samples") ?? false)
}

/// Rows of any length; notes what it ran with.
private struct AnyLength: Model {
    struct Seen: Hashable, Sendable {
        let rows: Int
        let length: Int
        /// Of the first row: what the mask says is true, and the values behind it.
        let trueCount: Int
        let padding: [Float]
    }

    static let log = Mutex<[Seen]>([])
    let signature = Signature(
        inputs: [TensorSpec("x", .float32, [-1, -1]), TensorSpec("mask", .float32, [-1, -1])],
        outputs: [TensorSpec("y", .float32, [-1])])

    init(artifact: Artifact, context: LoadContext) throws(ModelLoadError) {}
    func predict(
        _ batch: borrowing TensorBatch, into results: inout TensorBatch
    ) throws(PredictionError) {
        let length = batch.columns[0].rowShape[0]
        let (x, mask) = (batch.float32(0), batch.float32(1))
        var trueCount = 0
        var padding: [Float] = []
        for place in 0..<length where mask[place] == 1 { trueCount += 1 }
        for place in 0..<length where mask[place] == 0 { padding.append(x[place]) }
        let seen = Seen(
            rows: batch.rowCount, length: length, trueCount: trueCount, padding: padding)
        Self.log.withLock { $0.append(seen) }
    }
}

@Test func everyPaddingBucketRunsAtEveryBatchSizeBeforeAModelIsReady() throws {
    var configuration = ModelConfiguration()
    configuration.batching.batchSizeMax = 4
    configuration.batching.padding = PaddingRule(
        inputs: ["x"], dimension: 1, value: 9, mask: "mask", buckets: [4, 32, 256])
    let (version, lines) = try serve(
        CompiledModel(AnyLength.self, name: "a", configuration: configuration))
    #expect(lines.all.isEmpty)
    let plain = AnyLength.log.withLock { log in
        defer { log = [] }
        return Set(log)
    }
    func seen(_ rows: Int, _ length: Int, _ trueCount: Int) -> AnyLength.Seen {
        AnyLength.Seen(
            rows: rows, length: length, trueCount: trueCount,
            padding: Array(repeating: 9, count: length - trueCount))
    }
    let sizes = [1, 2, 4]
    let expected = Set(
        [4, 32, 256].flatMap { length in sizes.map { seen($0, length, length) } })
    #expect(plain == expected)
    // Each bucket has its own line, measured: none is a neighbour's, scaled.
    let latency = try #require(version).latency
    for length in [4, 32, 256] {
        let bucket = latency.bucket(elementsPerRow: 2 * length)
        #expect(latency.line(bucket: bucket).isMeasured)
    }

    // Samples are as requests have them, padded, and cut where a bucket does not hold them.
    configuration.warmUp.samples = [.array(Array(repeating: .integer(1), count: 20))]
    let (sampled, said) = try serve(
        CompiledModel(AnyLength.self, name: "a", configuration: configuration))
    #expect(sampled != nil && said.all.isEmpty)
    let withSamples = AnyLength.log.withLock { Set($0) }
    let trueCounts = [4: 4, 32: 20, 256: 20]
    #expect(
        withSamples
            == Set(trueCounts.flatMap { length, count in sizes.map { seen($0, length, count) } }))
}
