import Models
import Primitives
import Serving
import Testing

@Test func theOnlyModelIsTheDefault() throws {
    func defaultModel(_ names: [String], defaultName: String? = nil) throws -> Int? {
        let registry = Registry(defaultName: defaultName)
        let bench = try LoaderBench()
        let loader = ModelLoader(
            ModelLoader.Environment(
                registry: registry, metrics: bench.metrics,
                pool: try ComputePool(workerCount: 1, firstThread: 1), limits: Limits(),
                log: bench.lines.log),
            queue: bench.queue, formats: [], source: nil,
            compiled: names.map { CompiledModel(Doubler.self, name: $0) }, control: .none)
        loader.start()
        return registry.snapshot.defaultModel
    }
    #expect(try defaultModel(["a"]) == 0)
    #expect(try defaultModel(["a", "b"]) == nil)
    #expect(try defaultModel(["a", "b"], defaultName: "b") == 1)
}

@Test func everyChangePublishesANewGenerationAndWakesTheLoops() throws {
    let bench = try LoaderBench(["a/1/model.test": "1"])
    let before = bench.registry.generation
    bench.loader.start()
    let loaded = bench.registry.generation
    #expect(loaded > before)
    var messages: [LoopMessage] = []
    bench.mailbox.receive(into: &messages)
    #expect(!messages.isEmpty)
    bench.ask(.unload(model: "a", version: nil))
    #expect(bench.registry.generation > loaded)
    #expect(bench.registry.snapshot.generation == bench.registry.generation)
}

@Test func namesAreFoundAsBytes() throws {
    let bench = try LoaderBench(["a/1/model.test": "1", "bb/1/model.test": "1"])
    bench.loader.start()
    let snapshot = bench.registry.snapshot
    #expect(snapshot.index(of: Array("bb".utf8).span) == 1)
    #expect(snapshot.index(of: Array("b".utf8).span) == nil)
}
