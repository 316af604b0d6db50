import HTTPServer
import Primitives
import Serving
import Testing

private let secret = "do-not-show-this-0123456789"

private func fault(_ text: String, _ limits: Limits = Limits()) throws -> ConfigurationError? {
    let file = try TokensFile(text)
    defer { file.remove() }
    do throws(ConfigurationError) {
        _ = try AccessStore(path: file.path, limits: limits)
        return nil
    } catch {
        #expect(error.path == file.path)
        return error
    }
}

@Test func aFullFileIsRead() throws {
    let file = try TokensFile(TokensFile.example)
    defer { file.remove() }
    let store = try AccessStore(path: file.path, limits: Limits())
    #expect(store.policy.isRestricted)
    #expect(store.policy.tokenCount == 3)
    #expect(store.policy.clientCount == 1)
    #expect(store.warning == nil)
}

/// Without the part of a token that `@` stands for.
@Test(arguments: [
    ("[]", "", "expected an object"),
    ("{}", "", "no token and no client: nobody would be let in"),
    (#"{"tokens": []}"#, "", "no token and no client"),
    (#"{"token": []}"#, "token", "unknown key; known here: tokens, clients"),
    (#"{"@": ["predict"]}"#, "…", "unknown key; known here: tokens, clients"),
    (#"{"tokens": [{"@": ["predict"]}]}"#, "tokens[0].…", "unknown key; known here: name, token"),
    (#"{"tokens": {}}"#, "tokens", "expected an array"),
    (#"{"tokens": ["@"]}"#, "tokens[0]", "expected an object"),
    (#"{"tokens": [{}]}"#, "tokens[0].name", "is missing"),
    (#"{"tokens": [{"name": "a"}]}"#, "tokens[0].token", "is missing, and so is sha256"),
    (#"{"tokens": [{"name": "a", "token": "@"}]}"#, "tokens[0].scopes", "is missing"),
    (#"{"tokens": [{"name": "", "token": "@"}]}"#, "tokens[0].name", "expected a string of 1 to"),
    (#"{"tokens": [{"name": "a\n"}]}"#, "tokens[0].name", "expected a string of 1 to"),
    (#"{"tokens": [{"name": 5}]}"#, "tokens[0].name", "expected a string of 1 to"),
    (#"{"tokens": [{"scope": []}]}"#, "tokens[0].scope", "unknown key; known here: name, token"),
    (#"{"tokens": [{"token": "short-token-123"}]}"#, "tokens[0].token", "expected 16 to 1024"),
    (#"{"tokens": [{"token": "with space 0123456789"}]}"#, "tokens[0].token", "expected letters"),
    (#"{"tokens": [{"token": "equals=inside=0123456789"}]}"#, "tokens[0].token", "expected letter"),
    (#"{"tokens": [{"token": "================"}]}"#, "tokens[0].token", "expected letters"),
    (#"{"tokens": [{"token": 12345678901234567890}]}"#, "tokens[0].token", "expected a string"),
    (#"{"tokens": [{"sha256": "@"}]}"#, "tokens[0].sha256", "expected 64 hexadecimal digits"),
    (#"{"tokens": [{"token": "@", "scopes": []}]}"#, "tokens[0].scopes", "at least one scope"),
    (#"{"tokens": [{"token": "@", "scopes": "predict"}]}"#, "tokens[0].scopes", "expected an arr"),
    (
        #"{"tokens": [{"token": "@", "scopes": ["predict", "root"]}]}"#, "tokens[0].scopes[1]",
        "unknown scope; known here: predict, metrics, admin"
    ),
    (
        #"{"tokens": [{"name": "a", "token": "@", "scopes": ["admin"]}, {"name": "a", "token": "@x", "scopes": ["admin"]}]}"#,
        "tokens[1].name", "another token has this name"
    ),
    (
        #"{"tokens": [{"name": "a", "token": "@", "scopes": ["admin"]}, {"name": "b", "token": "@", "scopes": ["admin"]}]}"#,
        "tokens[1]", "is the same token as that of 'a'"
    ),
    (
        #"{"tokens": [{"name": "a", "token": "@", "sha256": "@"}]}"#, "tokens[0]",
        "has both token and sha256"
    ),
    (#"{"tokens": [{"token": "@", "token": "@"}]}"#, "", "a key appears twice"),
    (#"{"tokens": [{"token": "@"#, "", "the text ends inside a value"),
    (#"{"clients": [{}]}"#, "clients[0].subject", "is missing"),
    (#"{"clients": [{"subject": "CN=a"}]}"#, "clients[0].scopes", "is missing"),
    (#"{"clients": [{"name": "CN=a"}]}"#, "clients[0].name", "unknown key; known here: subject"),
    (
        #"{"clients": [{"subject": "CN=a", "scopes": ["admin"]}, {"subject": "CN=a", "scopes": ["predict"]}]}"#,
        "clients[1].subject", "another client has this subject"
    ),
])
func accessErrorsNameTheKeyAndNeverAToken(text: String, key: String, reason: String) throws {
    let error = try #require(
        try fault(
            text.split(separator: "@", omittingEmptySubsequences: false).joined(separator: secret)))
    #expect(error.key == key)
    #expect(error.reason.contains(reason), "\(error)")
    #expect(!"\(error)".contains(secret))
    #expect(!"\(error)".contains("0123456789"))
}

@Test func entriesAreLimited() throws {
    var limits = Limits()
    limits.accessEntriesMax = 1
    let entry = #"{"subject": "CN=a", "scopes": ["admin"]}"#
    #expect(try fault(#"{"clients": [\#(entry)]}"#, limits) == nil)
    let error = try fault(#"{"clients": [\#(entry), \#(entry)]}"#, limits)
    #expect(error?.reason == "has more than 1 entries")
}

@Test func filesThatOthersReadAreWarnedAbout() throws {
    for (mode, isFine) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
        let file = try TokensFile(TokensFile.example, mode: UInt32(mode))
        defer { file.remove() }
        let warning = try AccessStore(path: file.path, limits: Limits()).warning
        #expect((warning == nil) == isFine)
        #expect(warning?.contains("chmod 600") ?? true)
    }
}

@Test func aMissingFileIsAnError() {
    #expect {
        try AccessStore(path: "/tmp/martlet-there-is-no-such-file", limits: Limits())
    } throws: { "\($0)" == "/tmp/martlet-there-is-no-such-file: No such file or directory" }
}
