import Primitives

/// The head of an answer, protocol-neutral: HTTP/1.1 writes it as lines, HTTP/2 as a header list.
/// Belongs to its loop, as the echoed fields do.
public struct ResponseHead {
    public var status: Int
    /// A 204 has no content and neither of the two (RFC 9110 sections 8.6 and 15.3.5).
    public var contentType: StaticString
    public var contentLength: Int
    /// How the body is coded.
    public var contentEncoding = ContentCoding.identity
    /// The request fields that the answer depends on.
    public var varies: VaryingFields = []
    /// The methods a 405 or an answer to OPTIONS names.
    public var allow: StaticString?
    /// The codings a 415 names: `ContentCoding.accepted`.
    public var acceptEncoding: StaticString?
    /// Whole seconds, on 503 and 429.
    public var retryAfterSeconds: Int?
    /// The same in milliseconds, for clients that can wait less than a second (`X-Retry-After-Ms`).
    public var retryAfterMilliseconds: Int?
    /// What shows that a client comes back when it was told to (`X-Retry-Ticket`).
    public var retryTicket: RetryTicket?
    /// What a 401 asks for, and a 403 says (RFC 6750 section 3).
    public var wwwAuthenticate: StaticString?
    /// What a page of another origin may do with the answer.
    public var crossOrigin: CrossOriginFields?
    /// What identifies the request, where that was asked for or may be needed.
    public var echoed: EchoedFields?
    public var closesConnection = false
    /// An HTTP/1.0 client that asked to stay connected must be told that it may.
    public var announcesKeepAlive = false

    public init(status: Int, contentType: StaticString, contentLength: Int) {
        self.status = status
        self.contentType = contentType
        self.contentLength = contentLength
    }

    /// An answer without content.
    public init(status: Int) { self.init(status: status, contentType: "", contentLength: 0) }

    /// Visits the fields in the order they are sent, those of the connection aside (HTTP/2 has none).
    /// The values are valid inside `body` only. Does not allocate.
    @inline(__always)
    public func forEachField(
        date: HTTPDate, _ body: (ResponseField, Span<UInt8>) -> Void
    ) {
        if status != 204 {
            Self.visit(.contentType, contentType, body)
            Self.visit(.contentLength, decimal: contentLength, body)
        }
        if contentEncoding != .identity {
            Self.visit(.contentEncoding, contentEncoding.name, body)
        }
        body(.date, date.bytes.span)
        if !varies.isEmpty { Self.visit(.vary, varies.value, body) }
        if let allow { Self.visit(.allow, allow, body) }
        if let acceptEncoding { Self.visit(.acceptEncoding, acceptEncoding, body) }
        if let retryAfterSeconds { Self.visit(.retryAfter, decimal: retryAfterSeconds, body) }
        if let retryAfterMilliseconds {
            Self.visit(.retryAfterMilliseconds, decimal: retryAfterMilliseconds, body)
        }
        if let retryTicket {
            let text = retryTicket.text
            body(.retryTicket, text.span)
        }
        if let wwwAuthenticate { Self.visit(.wwwAuthenticate, wwwAuthenticate, body) }
        if let echoed {
            let requestID = echoed.requestID
            if !requestID.isEmpty { body(.requestID, requestID.span) }
            let traceParent = echoed.traceParent
            if !traceParent.isEmpty { body(.traceParent, traceParent.span) }
        }
        if let crossOrigin {
            body(.allowOrigin, crossOrigin.allowOrigin.span)
            if crossOrigin.allowsCredentials { Self.visit(.allowCredentials, "true", body) }
            if let expose = crossOrigin.exposeHeaders { Self.visit(.exposeHeaders, expose, body) }
            if let methods = crossOrigin.allowMethods { Self.visit(.allowMethods, methods, body) }
            if let headers = crossOrigin.allowHeaders { Self.visit(.allowHeaders, headers, body) }
            if let age = crossOrigin.maxAgeSeconds { Self.visit(.maxAge, decimal: age, body) }
        }
    }

    @inline(__always)
    private static func visit(
        _ field: ResponseField, _ text: StaticString, _ body: (ResponseField, Span<UInt8>) -> Void
    ) {
        body(field, Span(_unsafeStart: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    @inline(__always)
    private static func visit(
        _ field: ResponseField, decimal value: Int, _ body: (ResponseField, Span<UInt8>) -> Void
    ) {
        precondition(value >= 0, "lengths and seconds are not negative")
        var digits = InlineArray<20, UInt8>(repeating: 0x30)
        var start = 19
        var rest = value
        while rest > 9 {
            digits[start] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
            start -= 1
        }
        digits[start] = 0x30 + UInt8(truncatingIfNeeded: rest)
        body(field, digits.span.extracting(start..<20))
    }

    /// Appends the status line, the fields and the empty line. Does not allocate.
    public func appendHTTP1(to buffer: inout ByteBuffer, date: HTTPDate) {
        buffer.append(HTTPStatus.line(status))
        forEachField(date: date) { field, value in
            buffer.append(field.lineStart)
            buffer.append(value)
            buffer.append("\r\n")
        }
        if closesConnection {
            buffer.append("Connection: close\r\n")
        } else if announcesKeepAlive {
            buffer.append("Connection: keep-alive\r\n")
        }
        buffer.append("\r\n")
    }
}

/// The request fields that chose among answers (RFC 9110 section 12.5.5).
public struct VaryingFields: OptionSet, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let acceptEncoding = VaryingFields(rawValue: 1)
    public static let origin = VaryingFields(rawValue: 2)
    public static let preflight = VaryingFields(rawValue: 4)

    var value: StaticString {
        if contains(.preflight) {
            return "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
        }
        if self == .acceptEncoding { return "Accept-Encoding" }
        return contains(.acceptEncoding) ? "Accept-Encoding, Origin" : "Origin"
    }
}
