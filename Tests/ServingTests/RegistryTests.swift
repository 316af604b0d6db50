import Models
import Primitives
import Serving
import Synchronization
import Telemetry
import Testing

private final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    var log: Log { Log { line in self.lines.withLock { $0.append(line) } } }
    var all: [String] { lines.withLock { $0 } }
}

private func makeRegistry(_ lines: Lines, defaultName: String? = nil) -> Registry {
    Registry(
        metrics: ServerMetrics(routes: [], statuses: [], loopCount: 1, workerCount: 1),
        limits: Limits(), defaultName: defaultName, log: lines.log)
}

@Test func aFailedModelLeavesTheOthersServed() {
    let lines = Lines()
    let registry = makeRegistry(lines)
    let compiled = [
        CompiledModel(Unloadable.self, name: "bad"), CompiledModel(Doubler.self, name: "good"),
    ]
    registry.register([], compiled)
    #expect(!registry.snapshot.isReady)
    let ready = registry.load([], compiled, formats: [], context: LoadContext())
    #expect(ready == 1)
    let snapshot = registry.snapshot
    #expect(snapshot.isReady)
    #expect(snapshot.models.map(\.name) == ["bad", "good"])
    #expect(snapshot.models[0].defaultVersion == nil)
    #expect(snapshot.models[1].defaultVersion?.version == "1")
    guard case .failed(let reason) = snapshot.models[0].versions[0].state else {
        Issue.record("the unloadable model is not failed")
        return
    }
    #expect(reason.contains("node 3") && reason.contains("made to fail"))
    #expect(lines.all.count == 1)
    #expect(lines.all[0].contains("'bad' version 1"))
}

@Test func theOnlyModelIsTheDefault() {
    let registry = makeRegistry(Lines())
    registry.register([], [CompiledModel(Doubler.self, name: "a")])
    #expect(registry.snapshot.defaultModel == 0)
    registry.register(
        [], [CompiledModel(Doubler.self, name: "a"), CompiledModel(Doubler.self, name: "b")])
    #expect(registry.snapshot.defaultModel == nil)
    let named = makeRegistry(Lines(), defaultName: "b")
    named.register(
        [], [CompiledModel(Doubler.self, name: "a"), CompiledModel(Doubler.self, name: "b")])
    #expect(named.snapshot.defaultModel == 1)
}

@Test func everyChangePublishesANewGeneration() {
    let registry = makeRegistry(Lines())
    let before = registry.generation
    let compiled = [CompiledModel(Doubler.self, name: "a")]
    registry.register([], compiled)
    let registered = registry.generation
    #expect(registered > before)
    _ = registry.load([], compiled, formats: [], context: LoadContext())
    #expect(registry.generation > registered)
    #expect(registry.snapshot.generation == registry.generation)
}

@Test func warmUpMeasuresWhatABatchCosts() throws {
    let registry = makeRegistry(Lines())
    let compiled = [CompiledModel(Doubler.self, name: "a")]
    registry.register([], compiled)
    _ = registry.load([], compiled, formats: [], context: LoadContext())
    let version = try #require(registry.snapshot.models[0].defaultVersion)
    #expect(version.latency.nanoseconds(rows: 1) < 1e6)
}

@Test func aModelThatRefusesZerosAsInputIsServedAndMeasured() throws {
    let lines = Lines()
    let registry = makeRegistry(lines)
    let compiled = [CompiledModel(ZeroHater.self, name: "a")]
    registry.register([], compiled)
    #expect(registry.load([], compiled, formats: [], context: LoadContext()) == 1)
    let version = try #require(registry.snapshot.models[0].defaultVersion)
    #expect(version.latency.nanoseconds(rows: 1) < 1e8)
    #expect(lines.all.isEmpty)
}
