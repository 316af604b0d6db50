import HTTP
import HTTPServer
import Primitives
import Testing

private func decide(
    _ policy: AccessPolicy, _ scope: AccessScope?, _ authorization: String? = nil,
    client: String? = nil
) -> AccessDecision {
    // In the middle of other bytes, as in a request.
    let before = "GET / HTTP/1.1\r\nAuthorization: "
    let bytes = Array((before + (authorization ?? "") + "\r\n\r\n").utf8)
    let start = before.utf8.count
    let value = authorization.map { start..<start + $0.utf8.count }
    return policy.decide(
        scope: scope, authorization: value, in: bytes.span, clientSubject: client)
}

private func examplePolicy() throws -> AccessPolicy {
    let file = try TokensFile(TokensFile.example)
    defer { file.remove() }
    return try AccessStore(path: file.path, limits: Limits()).policy
}

@Test func everythingIsAllowedWhenNothingIsConfigured() {
    for scope in AccessScope.allCases {
        #expect(decide(.open, scope) == .allowed(nil))
        #expect(decide(.open, scope, "Bearer whatever") == .allowed(nil))
    }
}

@Test func routesWithoutAScopeAreOpen() throws {
    let policy = try examplePolicy()
    #expect(decide(policy, nil) == .allowed(nil))
    #expect(decide(policy, nil, "Bearer wrong-token-000000") == .allowed(nil))
}

@Test func tokensAreGoodForTheirScopes() throws {
    let policy = try examplePolicy()
    let tokens: [(String, String, Set<AccessScope>)] = [
        ("ci", "ci-token-0123456789", [.predict, .admin, .metrics]),
        ("web", "web.token~9876543210", [.predict]),
        ("prometheus", "prometheus+token/42==", [.metrics]),
    ]
    for (name, token, scopes) in tokens {
        for scope in AccessScope.allCases {
            let expected: AccessDecision =
                scopes.contains(scope) ? .allowed(name) : .forbidden(scope)
            #expect(decide(policy, scope, "Bearer \(token)") == expected)
            // The scheme's case and the number of spaces do not count.
            #expect(decide(policy, scope, "bEARER   \(token)") == expected)
        }
    }
}

@Test func wrongTokensAreUnauthenticated() throws {
    let policy = try examplePolicy()
    let digest = "Bearer " + TokensFile.example.split(separator: "\"").first { $0.count == 64 }!
    for authorization in [
        "", "Bearer", "Bearer ", "Bearer ci-token-012345678", "Bearer ci-token-01234567890",
        "Bearer CI-TOKEN-0123456789", "Bearer ci-token-0123456789 x", "Bearer\tci-token-0123456789",
        "Bearer  \u{0}", "Bearer " + String(repeating: "a", count: 20_000), digest,
    ] {
        let decision = decide(policy, .predict, authorization)
        let hadToken = !authorization.hasPrefix("Bearer\t")
        #expect(decision == .unauthenticated(hadToken: hadToken), "\(authorization)")
    }
    #expect(decide(policy, .predict) == .unauthenticated(hadToken: false))
    #expect(decide(policy, .predict, "Basic Y2k6Y2k=") == .unauthenticated(hadToken: false))
    #expect(
        decide(policy, .predict, "BearerX ci-token-0123456789")
            == .unauthenticated(hadToken: false))
}

@Test func everyPrefixAndChangedCharacterOfATokenIsWrong() throws {
    let policy = try examplePolicy()
    let token = Array("ci-token-0123456789".utf8)
    for index in token.indices {
        var changed = token
        changed[index] ^= 1
        for bytes in [changed, Array(token[..<index])] {
            let text = "Bearer " + String(decoding: bytes, as: UTF8.self)
            #expect(decide(policy, .admin, text) == .unauthenticated(hadToken: true))
        }
    }
}

@Test func certificatesAreCredentialsToo() throws {
    let policy = try examplePolicy()
    let client = "CN=scorer,O=Example"
    #expect(decide(policy, .predict, client: client) == .allowed(client))
    #expect(decide(policy, .admin, client: client) == .forbidden(.admin))
    for other in ["CN=scorer", "cn=scorer,o=Example", "CN=scorer,O=Example ", ""] {
        #expect(
            decide(policy, .predict, client: other) == .unauthenticated(hadToken: false), "\(other)"
        )
    }
    // Either credential may have the scope; a wrong token is wrong whatever else there is.
    let prometheus = "Bearer prometheus+token/42=="
    #expect(decide(policy, .metrics, prometheus, client: client) == .allowed("prometheus"))
    #expect(decide(policy, .predict, prometheus, client: client) == .allowed(client))
    #expect(decide(policy, .admin, prometheus, client: client) == .forbidden(.admin))
    #expect(
        decide(policy, .predict, "Bearer nonsense-token-42", client: client)
            == .unauthenticated(hadToken: true))
    #expect(decide(policy, .predict, "Basic eA==", client: client) == .allowed(client))
}

/// Swift's strings are equal when they look the same.
@Test func subjectsAreComparedByTheirBytes() throws {
    let file = try TokensFile(
        #"{"clients": [{"subject": "CN=caf\#u{E9}", "scopes": ["predict"]}]}"#)
    defer { file.remove() }
    let policy = try AccessStore(path: file.path, limits: Limits()).policy
    #expect("CN=cafe\u{301}" == "CN=caf\u{E9}")
    #expect(decide(policy, .predict, client: "CN=caf\u{E9}") == .allowed("CN=caf\u{E9}"))
    #expect(
        decide(policy, .predict, client: "CN=cafe\u{301}") == .unauthenticated(hadToken: false))
}

@Test func theLastOfManyTokensIsFound() throws {
    let entries = (0..<1000).map {
        #"{"name": "t\#($0)", "token": "token-number-\#(100_000 + $0)", "scopes": ["predict"]}"#
    }
    let file = try TokensFile(#"{"tokens": [\#(entries.joined(separator: ","))]}"#)
    defer { file.remove() }
    let policy = try AccessStore(path: file.path, limits: Limits()).policy
    #expect(policy.tokenCount == 1000)
    for index in [0, 1, 500, 999] {
        let authorization = "Bearer token-number-\(100_000 + index)"
        #expect(decide(policy, .predict, authorization) == .allowed("t\(index)"))
    }
    #expect(
        decide(policy, .predict, "Bearer token-number-101000") == .unauthenticated(hadToken: true))
}

@Test func challengesSayWhatIsMissing() {
    #expect(AccessDecision.allowed(nil).challenge == nil)
    let missing = AccessDecision.unauthenticated(hadToken: false).challenge
    #expect(missing?.description == #"Bearer realm="martlet""#)
    let wrong = AccessDecision.unauthenticated(hadToken: true).challenge
    #expect(wrong?.description == #"Bearer realm="martlet", error="invalid_token""#)
    for scope in AccessScope.allCases {
        let forbidden = AccessDecision.forbidden(scope).challenge
        #expect(
            forbidden?.description
                == #"Bearer realm="martlet", error="insufficient_scope", scope="\#(scope.name)""#)
    }
}

@Test func healthIsOpenAndTheRestIsNot() {
    for route in Route.allCases {
        for method in HTTPMethod.allCases {
            let expected: AccessScope? =
                switch route {
                case .predict, .models, .model, .index: .predict
                case .version: method == .put || method == .delete ? .admin : .predict
                case .load, .unload, .rollback, .label: .admin
                case .metrics: .metrics
                case .health, .live, .ready, .unknown, .malformed: nil
                }
            #expect(route.scope(method) == expected)
        }
    }
}
