import Models
import Primitives
import Serving
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
