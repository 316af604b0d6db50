import HTTP
import Primitives

/// Who may do what: bearer tokens (RFC 6750) and subjects of client certificates.
///
/// Of a token only its SHA-256 is kept, so that none can be logged or found in memory, and so that
/// tokens of any length are compared in the same time.
package struct AccessPolicy: Sendable {
    struct Token: Sendable {
        let name: String
        let digest: SHA256.Digest
        let scopes: AccessScopes
    }

    struct Client: Sendable {
        let subject: String
        let scopes: AccessScopes
    }

    /// False: everybody may do everything.
    package let isRestricted: Bool
    let tokens: [Token]
    let clients: [Client]
    private let tokenBytesMax: Int

    /// Everybody may do everything.
    package static let open = AccessPolicy()

    private init() {
        isRestricted = false
        tokens = []
        clients = []
        tokenBytesMax = 0
    }

    init(tokens: [Token], clients: [Client], limits: Limits) {
        isRestricted = true
        self.tokens = tokens
        self.clients = clients
        tokenBytesMax = limits.tokenBytesMax
    }

    package var tokenCount: Int { tokens.count }
    package var clientCount: Int { clients.count }

    /// Whether a request may do what needs `scope` (nil: nothing). `authorization` is the value of its
    /// Authorization field, empty when that was repeated; `clientSubject` is that of a client
    /// certificate which was verified.
    ///
    /// A bearer token that is given must be known, whatever the certificate says; then the scopes of
    /// both count. Another scheme than Bearer is as good as none. Hashes the token (under 1 µs) and
    /// compares it with all; does not allocate.
    package func decide(
        scope: AccessScope?, authorization: Range<Int>?, in bytes: Span<UInt8>,
        clientSubject: String?
    ) -> AccessDecision {
        guard isRestricted, let scope else { return .allowed(nil) }
        let wanted = AccessScopes(scope)
        var isKnown = false
        switch Self.credential(authorization, bytes) {
        case .none: break
        case .malformed: return .unauthenticated(hadToken: true)
        case .token(let range):
            guard let token = token(bytes.extracting(range)) else {
                return .unauthenticated(hadToken: true)
            }
            if token.scopes.contains(wanted) { return .allowed(token.name) }
            isKnown = true
        }
        if let clientSubject, let client = client(clientSubject) {
            if client.scopes.contains(wanted) { return .allowed(client.subject) }
            isKnown = true
        }
        return isKnown ? .forbidden(scope) : .unauthenticated(hadToken: false)
    }

    // MARK: Credentials

    private enum Credential {
        case none
        case malformed
        case token(Range<Int>)
    }

    /// RFC 6750 section 2.1: `Bearer`, spaces, and one token; the scheme's case does not count (RFC 9110
    /// section 11.1).
    private static func credential(_ value: Range<Int>?, _ bytes: Span<UInt8>) -> Credential {
        guard let value else { return .none }
        guard !value.isEmpty else { return .malformed }
        var end = value.lowerBound
        while end < value.upperBound, bytes[end] != UInt8(ascii: " ") { end += 1 }
        guard Ascii.equalsIgnoringCase(bytes, value.lowerBound..<end, "bearer") else {
            return .none
        }
        while end < value.upperBound, bytes[end] == UInt8(ascii: " ") { end += 1 }
        return end < value.upperBound ? .token(end..<value.upperBound) : .malformed
    }

    /// Looks at every token, in the same time whichever it is.
    private func token(_ bytes: Span<UInt8>) -> Token? {
        guard bytes.count <= tokenBytesMax else { return nil }
        let digest = SHA256.digest(bytes)
        var found: UInt64 = 0
        for index in tokens.indices {
            found |= tokens[index].digest.equality(to: digest) &* UInt64(index + 1)
        }
        return found == 0 ? nil : tokens[Int(found) - 1]
    }

    /// Subjects are compared by their bytes: text that only looks the same is somebody else.
    private func client(_ subject: String) -> Client? {
        clients.first { $0.subject.utf8.elementsEqual(subject.utf8) }
    }
}
