/// Which pages of other origins may use this server: the CORS protocol of the Fetch standard.
///
/// An origin is compared byte by byte, as browsers send it (Fetch section 3.2.5): scheme and host in
/// lower case, no slash at the end, no default port. `null`, the origin of files and sandboxed frames
/// which anybody can have, is never allowed by name.
public struct CORSPolicy: Sendable {
    private enum Origins: Sendable {
        case none
        /// Any page, and never with credentials (Fetch section 3.2.5).
        case any
        case exact([[UInt8]])
    }

    private let origins: Origins
    private static let star = [UInt8(ascii: "*")]

    /// How long a browser may remember a preflight: Chromium's limit.
    static let maxAgeSeconds = 7200
    /// What clients of this server send. `Accept` needs no permission.
    static let requestHeaders: StaticString =
        "Authorization, Content-Encoding, Content-Type, traceparent, tracestate, X-Request-Id"
    /// What a page may read besides the fields that need no permission.
    static let responseHeaders: StaticString = "Retry-After, WWW-Authenticate, X-Request-Id"

    /// No other origin.
    public init() { origins = .none }

    /// From the values of `--cors-origin`: origins, or `*` alone. None of them: no other origin. The
    /// error is a sentence that names the value.
    public init(origins values: [String]) throws(CORSOriginError) {
        guard !values.isEmpty else {
            origins = .none
            return
        }
        if values.contains("*") {
            guard values.count == 1 else { throw CORSOriginError("*", "stands alone") }
            origins = .any
            return
        }
        var exact: [[UInt8]] = []
        for value in values {
            let bytes = Array(value.utf8)
            guard bytes.count <= 1024 else {
                throw CORSOriginError(value, "is longer than the 1024 bytes an answer has room for")
            }
            if let problem = Self.problem(with: bytes.span) {
                throw CORSOriginError(value, problem)
            }
            if !exact.contains(bytes) { exact.append(bytes) }
        }
        origins = .exact(exact)
    }

    /// Whether there is anything to add to answers.
    public var isOn: Bool {
        switch origins {
        case .none: false
        case .any, .exact: true
        }
    }

    /// What every answer of this server varies by, whether or not the request had an origin: a cache
    /// must not give one page what was answered to another.
    public var varies: VaryingFields {
        switch origins {
        case .none, .any: []
        case .exact: .origin
        }
    }

    /// What an answer to a request with this `Origin` gets; nil for none, and for an origin that is not
    /// allowed. Does not allocate.
    public func fields(origin: Range<Int>?, in bytes: Span<UInt8>) -> CrossOriginFields? {
        guard var fields = allowed(origin, in: bytes) else { return nil }
        fields.exposeHeaders = Self.responseHeaders
        return fields
    }

    /// Whether a request is a preflight: OPTIONS with Origin and Access-Control-Request-Method (Fetch
    /// section 3.2.2). It has no credentials, so it is answered before anybody asks for them.
    public func isPreflight(_ head: RequestHead, in bytes: Span<UInt8>) -> Bool {
        isOn && head.method == .options && head.origin != nil
            && head.value(of: "access-control-request-method", in: bytes) != nil
    }

    /// What the answer to a preflight (204, `varies` = `.preflight`) gets. Nil when the origin is not
    /// allowed: a 204 without fields, at which the browser stops.
    ///
    /// The methods are those of the route, and the headers all that clients of this server have need
    /// of, whatever was asked for: the browser compares. Nothing of the request is sent back.
    public func preflight(
        _ head: RequestHead, in bytes: Span<UInt8>, methods: StaticString
    ) -> CrossOriginFields? {
        guard var fields = allowed(head.origin, in: bytes) else { return nil }
        fields.allowMethods = methods
        fields.allowHeaders = Self.requestHeaders
        fields.maxAgeSeconds = Self.maxAgeSeconds
        return fields
    }

    private func allowed(_ origin: Range<Int>?, in bytes: Span<UInt8>) -> CrossOriginFields? {
        guard let origin, !origin.isEmpty else { return nil }
        switch origins {
        case .none: return nil
        case .any: return CrossOriginFields(allowOrigin: Self.star, allowsCredentials: false)
        case .exact(let allowed):
            for candidate in allowed where Self.equals(bytes, origin, candidate) {
                return CrossOriginFields(allowOrigin: candidate, allowsCredentials: true)
            }
            return nil
        }
    }

    private static func equals(
        _ bytes: Span<UInt8>, _ range: Range<Int>, _ other: [UInt8]
    ) -> Bool {
        guard range.count == other.count else { return false }
        for offset in 0..<other.count where bytes[range.lowerBound + offset] != other[offset] {
            return false
        }
        return true
    }

    /// Why no browser would ever send this origin, so that it could not match; nil when one would.
    private static func problem(with bytes: Span<UInt8>) -> String? {
        let form = "is no origin: scheme://host or scheme://host:port"
        var position = 0
        while position < bytes.count, bytes[position] != UInt8(ascii: ":") {
            switch bytes[position] {
            case 0x61...0x7A: break
            case 0x30...0x39, UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
                guard position > 0 else { return form }
            case 0x41...0x5A: return "has capital letters, which browsers do not send"
            default: return form
            }
            position += 1
        }
        guard position > 0, position + 3 < bytes.count,
            Ascii.equals(bytes, position..<position + 3, "://")
        else { return form }
        for index in position + 3..<bytes.count {
            switch bytes[index] {
            case 0x41...0x5A: return "has capital letters, which browsers do not send"
            case UInt8(ascii: "/"): return "has a path or a slash at its end, which no origin has"
            case UInt8(ascii: "*"): return "has a '*', which stands only alone"
            case 0x61...0x7A, 0x30...0x39, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"):
                continue
            default: return form
            }
        }
        let isHTTP = Ascii.equals(bytes, 0..<position, "http")
        let isHTTPS = Ascii.equals(bytes, 0..<position, "https")
        if isHTTP && ends(bytes, ":80") || isHTTPS && ends(bytes, ":443") {
            return "names the default port, which browsers leave out"
        }
        return nil
    }

    private static func ends(_ bytes: Span<UInt8>, _ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        return bytes.count > count && Ascii.equals(bytes, bytes.count - count..<bytes.count, text)
    }
}

/// A value of `--cors-origin` that cannot be used.
public struct CORSOriginError: Error, Sendable, Equatable, CustomStringConvertible {
    public let value: String
    public let reason: String

    init(_ value: String, _ reason: String) {
        self.value = value
        self.reason = reason
    }

    public var description: String { "the origin '\(value)' \(reason)" }
}
