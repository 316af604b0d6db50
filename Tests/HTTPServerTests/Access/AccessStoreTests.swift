import HTTPServer
import Primitives
import Testing

private func isAllowed(_ policy: AccessPolicy, _ token: String) -> Bool {
    let bytes = Array("Bearer \(token)".utf8)
    let decision = policy.decide(
        scope: .predict, authorization: 0..<bytes.count, in: bytes.span, clientSubject: nil)
    return decision == .allowed("a")
}

private func file(_ token: String) -> String {
    #"{"tokens": [{"name": "a", "token": "\#(token)", "scopes": ["predict"]}]}"#
}

private let first = "first-token-0123456789"
private let second = "second-token-0123456789"

@Test func aChangedFileReplacesThePolicy() throws {
    let tokens = try TokensFile(file(first))
    defer { tokens.remove() }
    let store = try AccessStore(path: tokens.path, limits: Limits())
    var view = AccessView(store)
    let generation = store.generation
    #expect(store.reload() == .unchanged)
    #expect(store.generation == generation)
    try tokens.write(file(second))
    // Nothing happens by itself.
    view.refresh(store)
    #expect(isAllowed(view.policy, first))
    #expect(store.reload() == .replaced(tokens: 1, clients: 0, warning: nil))
    #expect(store.reload() == .unchanged)
    #expect(store.generation != generation)
    // A loop keeps what it has until its next turn.
    #expect(isAllowed(view.policy, first))
    view.refresh(store)
    #expect(!isAllowed(view.policy, first))
    #expect(isAllowed(view.policy, second))
}

@Test func aBadFileKeepsTheOldPolicyAndSaysSoOnce() throws {
    let tokens = try TokensFile(file(first))
    defer { tokens.remove() }
    let store = try AccessStore(path: tokens.path, limits: Limits())
    let generation = store.generation
    for text in ["", "{", "{}", file("short")] {
        try tokens.write(text)
        guard case .kept(let error) = store.reload() else {
            Issue.record("\(text) was taken")
            continue
        }
        #expect(error.path == tokens.path)
        #expect(store.reload() == .unchanged)
    }
    tokens.remove()
    guard case .kept(let error) = store.reload() else {
        Issue.record("a file that is gone was taken")
        return
    }
    #expect(error.reason == "No such file or directory")
    #expect(store.reload() == .unchanged)
    #expect(store.generation == generation)
    #expect(isAllowed(store.policy, first))
    try tokens.write(file(second), mode: 0o644)
    guard case .replaced(1, 0, let warning) = store.reload() else {
        Issue.record("a good file was not taken")
        return
    }
    #expect(warning?.contains(tokens.path) == true)
    #expect(isAllowed(store.policy, second))
}

@Test func aReloadThatIsAskedForReadsInAnyCase() throws {
    let tokens = try TokensFile(file(first))
    defer { tokens.remove() }
    let store = try AccessStore(path: tokens.path, limits: Limits())
    #expect(store.reload(always: true) == .replaced(tokens: 1, clients: 0, warning: nil))
    tokens.remove()
    for _ in 0..<2 {
        guard case .kept = store.reload(always: true) else {
            Issue.record("a file that is gone was taken")
            return
        }
    }
}

@Test func withoutAFileEverythingStaysOpen() {
    let store = AccessStore()
    #expect(!store.policy.isRestricted)
    #expect(store.reload(always: true) == .unchanged)
}
