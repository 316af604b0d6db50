import Primitives
import Serving
import Testing

/// Two versions, of which the second is the newest.
private func bench(_ more: [String: String] = [:]) throws -> LoaderBench {
    let bench = try LoaderBench(
        ["a/1/model.test": "2", "a/2/model.test": "3"].merging(more) { $1 })
    bench.loader.start()
    return bench
}

private func text(_ bench: LoaderBench, _ path: String = "a/.state.json") -> String? {
    guard
        let bytes = try? FileSystem.contents(
            of: "\(bench.folder)/\(path)", byteCountMax: 1 << 20)
    else { return nil }
    return String(decoding: bytes, as: UTF8.self)
}

@Test func labelsStandWhereTheyWereAfterARestart() throws {
    let first = try bench(["a/model.json": #"{"version_labels": {"old": "1"}}"#])
    first.ask(.setLabel(model: "a", label: "stable", version: "1"))
    first.ask(.setLabel(model: "a", label: "next", version: "2"))
    first.ask(.removeLabel(model: "a", label: "old"))
    let second = try first.restarted()
    second.loader.start()
    let labels = second.model("a")?.labels.map { "\($0.label) \($0.version)" }
    #expect(labels == ["next 2", "stable 1"])
}

@Test func aRollbackOutlastsARestartUntilANewerVersionComes() throws {
    let first = try bench()
    #expect(first.standard("a") == "2")
    first.ask(.rollback(model: "a"))
    #expect(first.standard("a") == "1")
    let second = try first.restarted()
    second.loader.start()
    #expect(second.standard("a") == "1")
    #expect(try second.answer("a") == 2)
    try second.write("5", to: "a/3/model.test")
    let third = try second.restarted()
    third.loader.start()
    #expect(third.standard("a") == "3")
}

@Test func whatWasUnloadedAndLoadedStaysSo() throws {
    let first = try bench([
        "a/model.json": #"{"version_policy": {"latest": 1}}"#, "b/1/model.test": "1",
        "c/1/model.test": "1",
    ])
    #expect(first.states("a") == "1 found, 2 ready")
    first.ask(.load(model: "a", version: "1"))
    first.ask(.unload(model: "a", version: "2"))
    first.ask(.unload(model: "b", version: nil))
    let second = try first.restarted()
    second.loader.start()
    #expect(second.states("a") == "1 ready, 2 found")
    #expect(second.states("b") == "1 found")
    #expect(second.states("c") == "1 ready")
    // Loading it again leaves nothing to be kept.
    second.ask(.load(model: "b", version: nil))
    #expect(text(second, "b/.state.json") == nil)
    #expect(text(second, "c/.state.json") == nil)
}

@Test func aNewModelJSONCountsMoreThanWhatWasSaidBeforeIt() throws {
    let first = try bench(["a/model.json": #"{"description": "first"}"#])
    first.ask(.setLabel(model: "a", label: "stable", version: "1"))
    first.ask(.rollback(model: "a"))
    try first.write(#"{"version_labels": {"stable": "2"}}"#, to: "a/model.json")
    let second = try first.restarted()
    second.loader.start()
    #expect(second.model("a")?.labels.map(\.version) == ["2"])
    #expect(second.standard("a") == "2")
}

@Test func withoutManagementTheFolderAloneDecides() throws {
    let first = try bench()
    first.ask(.rollback(model: "a"))
    let kept = text(first)
    let second = try first.restarted(control: .none)
    second.loader.start()
    #expect(second.standard("a") == "2")
    #expect(kept != nil && text(second) == kept)
}

@Test(arguments: [
    "", "{", "[]", #"{"labels": {"5": "1"}}"#, #"{"labels": {"a": "x"}}"#, #"{"unknown": 1}"#,
    #"{"loaded_versions": ["x"]}"#, #"{"rollback": {"version": "1"}}"#,
])
func aStateThatCannotBeReadIsSaidAndNotUsed(_ content: String) throws {
    let bench = try LoaderBench(["a/1/model.test": "2", "a/.state.json": content])
    bench.loader.start()
    #expect(bench.standard("a") == "1")
    #expect(bench.lines.all.contains { $0.contains("'a'") && $0.contains("is not used") })
}

@Test func aStateThatCannotBeKeptIsSaid() throws {
    let bench = try bench()
    // A folder where the file is to be.
    try FileSystem.createFolder("\(bench.folder)/a/.state.json/in the way")
    bench.ask(.rollback(model: "a"))
    #expect(bench.standard("a") == "1")
    #expect(bench.lines.all.contains { $0.contains("until the server ends") })
}

@Test func versionsThatAreGoneArePassedOver() throws {
    let first = try bench()
    first.ask(.load(model: "a", version: "1"))
    first.ask(.rollback(model: "a"))
    try FileSystem.removeTree("\(first.folder)/a/1")
    let second = try first.restarted()
    second.loader.start()
    #expect(second.states("a") == "2 ready")
    #expect(second.standard("a") == "2")
}
