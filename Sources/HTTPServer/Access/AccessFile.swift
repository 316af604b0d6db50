import Primitives
import Serving

/// What an access file says:
///
///     {
///       "tokens": [
///         {"name": "ci", "token": "…", "scopes": ["predict", "admin", "metrics"]},
///         {"name": "web", "sha256": "…64 hexadecimal digits…", "scopes": ["predict"]}
///       ],
///       "clients": [{"subject": "CN=scorer,O=Example", "scopes": ["predict"]}]
///     }
///
/// Errors name the file and the key, and never a token.
struct AccessFile {
    private(set) var tokens: [AccessPolicy.Token] = []
    private(set) var clients: [AccessPolicy.Client] = []
    /// When others than the owner may read or change the file.
    private(set) var warning: String?
    private let limits: Limits

    init(path: String, limits: Limits) throws(ConfigurationError) {
        self.limits = limits
        let place = Place(path: path, key: "")
        let bytes: [UInt8]
        do {
            bytes = try FileSystem.contents(of: path, byteCountMax: limits.configurationBytesMax)
        } catch {
            throw place.error(error.reason)
        }
        let tree: JSONValue
        do {
            tree = try JSONValue(parsing: bytes.span, limits: limits)
        } catch {
            throw place.error(error.message)
        }
        try apply(tree, place)
        guard !tokens.isEmpty || !clients.isEmpty else {
            throw place.error("no token and no client: nobody would be let in")
        }
        if let others = FileSystem.permissionsOfOthers(at: path), others != 0 {
            warning = "\(path): others than its owner may read or change it; chmod 600 it"
        }
    }

    var policy: AccessPolicy { AccessPolicy(tokens: tokens, clients: clients, limits: limits) }

    /// Where in the file a value stands.
    private struct Place {
        let path: String
        let key: String

        /// A key this long may be a token in the wrong place, and is not shown.
        func inside(_ name: String) -> Place {
            let shown = name.utf8.count < Limits.standard.tokenBytesMin ? name : "…"
            return Place(path: path, key: key.isEmpty ? shown : "\(key).\(shown)")
        }

        func element(_ index: Int) -> Place { Place(path: path, key: "\(key)[\(index)]") }

        func error(_ reason: String) -> ConfigurationError {
            ConfigurationError(path: path, key: key, reason: reason)
        }
    }

    // MARK: Keys

    private mutating func apply(_ tree: JSONValue, _ place: Place) throws(ConfigurationError) {
        for member in try Self.members(tree, place) {
            let inner = place.inside(member.key)
            switch member.key {
            case "tokens":
                for (index, value) in try elements(member.value, inner).enumerated() {
                    try addToken(value, inner.element(index))
                }
            case "clients":
                for (index, value) in try elements(member.value, inner).enumerated() {
                    try addClient(value, inner.element(index))
                }
            default: throw inner.error("unknown key; known here: tokens, clients")
            }
        }
    }

    private mutating func addToken(_ value: JSONValue, _ place: Place) throws(ConfigurationError) {
        var name: String?
        var digest: SHA256.Digest?
        var scopes: AccessScopes?
        for member in try Self.members(value, place) {
            let inner = place.inside(member.key)
            switch member.key {
            case "name": name = try self.name(member.value, inner)
            case "token", "sha256":
                guard digest == nil else {
                    throw place.error("has both token and sha256; one of them is wanted")
                }
                digest =
                    member.key == "token"
                    ? try tokenDigest(member.value, inner) : try Self.digest(member.value, inner)
            case "scopes": scopes = try Self.scopes(member.value, inner)
            default: throw inner.error("unknown key; known here: name, token, sha256, scopes")
            }
        }
        guard let name else { throw place.inside("name").error("is missing") }
        guard let digest else { throw place.inside("token").error("is missing, and so is sha256") }
        guard let scopes else { throw place.inside("scopes").error("is missing") }
        guard !tokens.contains(where: { $0.name == name }) else {
            throw place.inside("name").error("another token has this name")
        }
        if let other = tokens.first(where: { $0.digest == digest }) {
            throw place.error("is the same token as that of '\(other.name)'")
        }
        tokens.append(AccessPolicy.Token(name: name, digest: digest, scopes: scopes))
    }

    private mutating func addClient(_ value: JSONValue, _ place: Place) throws(ConfigurationError) {
        var subject: String?
        var scopes: AccessScopes?
        for member in try Self.members(value, place) {
            let inner = place.inside(member.key)
            switch member.key {
            case "subject": subject = try name(member.value, inner)
            case "scopes": scopes = try Self.scopes(member.value, inner)
            default: throw inner.error("unknown key; known here: subject, scopes")
            }
        }
        guard let subject else { throw place.inside("subject").error("is missing") }
        guard let scopes else { throw place.inside("scopes").error("is missing") }
        guard !clients.contains(where: { $0.subject.utf8.elementsEqual(subject.utf8) }) else {
            throw place.inside("subject").error("another client has this subject")
        }
        clients.append(AccessPolicy.Client(subject: subject, scopes: scopes))
    }

    // MARK: Values

    private static func members(
        _ value: JSONValue, _ place: Place
    ) throws(ConfigurationError) -> [JSONMember] {
        guard let members = value.members else { throw place.error("expected an object") }
        return members
    }

    private func elements(
        _ value: JSONValue, _ place: Place
    ) throws(ConfigurationError) -> [JSONValue] {
        guard let elements = value.elements else { throw place.error("expected an array") }
        guard elements.count <= limits.accessEntriesMax else {
            throw place.error("has more than \(limits.accessEntriesMax) entries")
        }
        return elements
    }

    /// What is shown in logs: a line of text.
    private func name(_ value: JSONValue, _ place: Place) throws(ConfigurationError) -> String {
        guard let text = value.text, !text.isEmpty, text.utf8.count <= limits.accessNameBytesMax,
            !text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F })
        else {
            throw place.error(
                "expected a string of 1 to \(limits.accessNameBytesMax) bytes without control "
                    + "characters")
        }
        return text
    }

    /// RFC 6750 section 2.1: b64token. Another token could not be sent.
    private func tokenDigest(
        _ value: JSONValue, _ place: Place
    ) throws(ConfigurationError) -> SHA256.Digest {
        guard let text = value.text else { throw place.error("expected a string") }
        let bytes = Array(text.utf8)
        guard (limits.tokenBytesMin...limits.tokenBytesMax).contains(bytes.count) else {
            throw place.error(
                "expected \(limits.tokenBytesMin) to \(limits.tokenBytesMax) characters")
        }
        var end = bytes.count
        while end > 0, bytes[end - 1] == UInt8(ascii: "=") { end -= 1 }
        let isSendable = bytes[..<end].allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "+"), UInt8(ascii: "/"):
                true
            default: false
            }
        }
        guard isSendable, end > 0 else {
            throw place.error("expected letters, digits and -._~+/ with = at the end only")
        }
        return SHA256.digest(bytes.span)
    }

    private static func digest(
        _ value: JSONValue, _ place: Place
    ) throws(ConfigurationError) -> SHA256.Digest {
        guard let text = value.text, let digest = SHA256.Digest(hexadecimal: text) else {
            throw place.error("expected 64 hexadecimal digits")
        }
        return digest
    }

    private static func scopes(
        _ value: JSONValue, _ place: Place
    ) throws(ConfigurationError) -> AccessScopes {
        guard let elements = value.elements, !elements.isEmpty else {
            throw place.error("expected an array with at least one scope")
        }
        var scopes: AccessScopes = []
        for (index, element) in elements.enumerated() {
            let known = AccessScope.allCases
            guard let scope = known.first(where: { $0.name == element.text }) else {
                let names = known.map(\.name).joined(separator: ", ")
                throw place.element(index).error("unknown scope; known here: \(names)")
            }
            scopes.insert(AccessScopes(scope))
        }
        return scopes
    }
}
