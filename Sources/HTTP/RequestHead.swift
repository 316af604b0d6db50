/// One header field, as ranges of the bytes it was parsed from.
public struct HeaderField: Sendable, Equatable {
    public let name: Range<Int>
    public let value: Range<Int>
}

/// What a request line and its fields say. All ranges index the bytes that were parsed: the head is
/// valid for as long as these stay in place.
///
/// One head is reused for many requests (it keeps its array), so parsing does not allocate.
public struct RequestHead: Sendable {
    public internal(set) var method = HTTPMethod.get
    /// 0 or 1: HTTP/1.0 or HTTP/1.1.
    public internal(set) var minorVersion = 1
    public internal(set) var path = 0..<0
    /// Without the question mark; empty when there is none.
    public internal(set) var query = 0..<0
    public internal(set) var fields: [HeaderField] = []

    public internal(set) var contentLength: Int?
    public internal(set) var isChunked = false
    /// Whether the connection stays open after the answer, as the client sees it.
    public internal(set) var keepsAlive = true
    public internal(set) var expectsContinue = false

    public internal(set) var host: Range<Int>?
    public internal(set) var contentType: Range<Int>?
    public internal(set) var contentEncoding: Range<Int>?
    /// Whether there was more than one Content-Encoding field, which lists more than one coding.
    public internal(set) var repeatsContentEncoding = false
    public internal(set) var accept: Range<Int>?
    /// Empty when the field is repeated: an answer without a coding is always right.
    public internal(set) var acceptEncoding: Range<Int>?
    /// Empty when the field is repeated: two credentials are none that can be valid.
    public internal(set) var authorization: Range<Int>?
    /// Empty when the field is repeated: no origin is.
    public internal(set) var origin: Range<Int>?
    /// `X-Request-Timeout-Ms`, `X-Request-Priority` and `X-Retry-Ticket`; empty when repeated.
    public internal(set) var requestTimeout: Range<Int>?
    public internal(set) var requestPriority: Range<Int>?
    public internal(set) var retryTicket: Range<Int>?
    /// `X-Request-Id` and `traceparent`; empty when repeated.
    public internal(set) var requestID: Range<Int>?
    public internal(set) var traceParent: Range<Int>?

    public init() { fields.reserveCapacity(32) }

    mutating func reset() {
        method = .get
        minorVersion = 1
        path = 0..<0
        query = 0..<0
        fields.removeAll(keepingCapacity: true)
        contentLength = nil
        isChunked = false
        keepsAlive = true
        expectsContinue = false
        host = nil
        contentType = nil
        contentEncoding = nil
        repeatsContentEncoding = false
        accept = nil
        acceptEncoding = nil
        authorization = nil
        origin = nil
        requestTimeout = nil
        requestPriority = nil
        retryTicket = nil
        requestID = nil
        traceParent = nil
    }

    /// The value of the first field with this name, given in lower case.
    public func value(of name: Span<UInt8>, in bytes: Span<UInt8>) -> Range<Int>? {
        for field in fields where Self.isName(field.name, name, in: bytes) { return field.value }
        return nil
    }

    private static func isName(
        _ field: Range<Int>, _ name: Span<UInt8>, in bytes: Span<UInt8>
    ) -> Bool {
        guard field.count == name.count else { return false }
        for index in name.indices
        where Ascii.lowercased(bytes[field.lowerBound + index]) != name[index] {
            return false
        }
        return true
    }

    /// The value of the first field with this name (given in lower case).
    public func value(of name: StaticString, in bytes: Span<UInt8>) -> Range<Int>? {
        for field in fields where Ascii.equalsIgnoringCase(bytes, field.name, name) {
            return field.value
        }
        return nil
    }
}
