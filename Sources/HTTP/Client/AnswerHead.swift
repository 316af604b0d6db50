import Primitives

/// What a client needs to know of an answer's head.
public struct AnswerHead: Sendable, Equatable {
    public var status = 0
    public var contentLength: Int?
    /// The transfer coding ends in chunked.
    public var isChunked = false
    /// A transfer coding that does not end in chunked: the body ends with the connection.
    public var endsWithConnection = false
    /// Whether the connection can carry another request (RFC 9112 section 9.3).
    public var keepsAlive = true
    public var retryDelay: RetryDelay?
    /// What to send back with the request that comes again (`X-Retry-Ticket`).
    public var retryTicket: RetryTicket?

    public init() {}

    /// Takes in a field that says something about time or refusal; the same in both protocols.
    /// `name` is any case. Returns whether it was such a field.
    mutating func takeRetryField(
        _ bytes: Span<UInt8>, name: Range<Int>, value: Range<Int>
    ) -> Bool {
        switch name.count {
        case 11 where Ascii.equalsIgnoringCase(bytes, name, "retry-after"):
            // The finer field wins, wherever it stands.
            let parsed = RetryDelay.parse(retryAfter: bytes, value)
            if !hasFineDelay { retryDelay = parsed ?? retryDelay }
            return true
        case 16 where Ascii.equalsIgnoringCase(bytes, name, "x-retry-after-ms"):
            if let parsed = RetryDelay.parse(milliseconds: bytes, value) {
                retryDelay = parsed
                hasFineDelay = true
            }
            return true
        case 14 where Ascii.equalsIgnoringCase(bytes, name, "x-retry-ticket"):
            retryTicket = RetryTicket(bytes, value)
            return true
        default: return false
        }
    }

    private var hasFineDelay = false
}

/// Why bytes are no answer.
public enum AnswerFault: String, Error, Sendable, Equatable, CaseIterable {
    case badStatusLine = "bad_status_line"
    case badField = "bad_header"
    case badContentLength = "bad_content_length"
    case badChunk = "bad_chunk"
    case headTooLarge = "header_too_large"
    /// 101 without having asked for it, or more interim answers than anybody sends.
    case unexpectedInterim = "unexpected_interim"
    /// Bytes that no request asked for.
    case unexpectedBytes = "unexpected_bytes"
    /// The connection ended in the middle.
    case truncated
}
