/// Why a message is refused by the protocol layer. `status` is the only map to an HTTP status.
public enum HTTPRefusal: Error, Sendable, Equatable, CaseIterable {
    case badRequestLine
    case badTarget
    case badVersion
    case unsupportedVersion
    case unknownMethod
    case badField
    case foldedField
    case bareLineFeed
    case missingHost
    case badHost
    case badContentLength
    case conflictingLength
    case badTransferEncoding
    case unsupportedTransferEncoding
    case badExpectation
    case targetTooLong
    case headerTooLarge
    case tooManyFields
    case bodyTooLarge
    case badChunk
    case headerTimeout
    case bodyTimeout
    /// Below the least rate.
    case bodyTooSlow
    case tooMuchBuffered
    /// A request in the clear at a port for TLS.
    case plainHTTP

    public var status: Int {
        switch self {
        case .badRequestLine, .badTarget, .badVersion, .badField, .foldedField, .bareLineFeed,
            .missingHost, .badHost, .badContentLength, .conflictingLength, .badTransferEncoding,
            .badChunk, .plainHTTP:
            400
        case .headerTimeout, .bodyTimeout, .bodyTooSlow: 408
        case .bodyTooLarge: 413
        case .targetTooLong: 414
        case .badExpectation: 417
        case .headerTooLarge, .tooManyFields: 431
        case .unknownMethod, .unsupportedTransferEncoding: 501
        case .tooMuchBuffered: 503
        case .unsupportedVersion: 505
        }
    }

    /// A stable code for programs.
    public var code: StaticString {
        switch self {
        case .badRequestLine: "bad_request_line"
        case .badTarget: "bad_target"
        case .badVersion: "bad_version"
        case .unsupportedVersion: "unsupported_version"
        case .unknownMethod: "unknown_method"
        case .badField: "bad_header"
        case .foldedField: "folded_header"
        case .bareLineFeed: "bare_line_feed"
        case .missingHost: "missing_host"
        case .badHost: "bad_host"
        case .badContentLength: "bad_content_length"
        case .conflictingLength: "conflicting_length"
        case .badTransferEncoding: "bad_transfer_encoding"
        case .unsupportedTransferEncoding: "unsupported_transfer_encoding"
        case .badExpectation: "bad_expectation"
        case .targetTooLong: "target_too_long"
        case .headerTooLarge: "header_too_large"
        case .tooManyFields: "too_many_headers"
        case .bodyTooLarge: "body_too_large"
        case .badChunk: "bad_chunk"
        case .headerTimeout: "header_timeout"
        case .bodyTimeout: "body_timeout"
        case .bodyTooSlow: "body_too_slow"
        case .tooMuchBuffered: "too_much_buffered"
        case .plainHTTP: "tls_required"
        }
    }

    /// One sentence for a person.
    public var message: StaticString {
        switch self {
        case .badRequestLine: "the request line is not 'METHOD target HTTP/1.1'"
        case .badTarget: "the request target is not a path, an http URL or '*'"
        case .badVersion: "the request line does not end in an HTTP version"
        case .unsupportedVersion: "this port speaks HTTP/1.1 and HTTP/1.0"
        case .unknownMethod: "the request method is not known to this server"
        case .badField: "a header field is not 'Name: value' with allowed characters"
        case .foldedField: "a header field continues on a second line, which HTTP/1.1 forbids"
        case .bareLineFeed: "a header line ends in LF or holds CR; lines end in CR LF"
        case .missingHost: "an HTTP/1.1 request needs one Host header"
        case .badHost: "the Host header is given twice or has characters that no host has"
        case .badContentLength: "Content-Length must be given once, as one decimal number"
        case .conflictingLength: "Content-Length and Transfer-Encoding exclude each other"
        case .badTransferEncoding: "Transfer-Encoding needs HTTP/1.1 and ends in chunked, once"
        case .unsupportedTransferEncoding: "the only transfer coding taken is chunked"
        case .badExpectation: "the only expectation taken is 100-continue"
        case .targetTooLong: "the request target is longer than this server takes"
        case .headerTooLarge: "the request header is larger than this server takes"
        case .tooManyFields: "the request has more header fields than this server takes"
        case .bodyTooLarge: "the request body is larger than this server takes"
        case .badChunk: "the chunked body is malformed"
        case .headerTimeout: "the request header did not arrive in time"
        case .bodyTimeout: "the request body did not arrive in time"
        case .bodyTooSlow: "the request body came slower than this server waits for"
        case .tooMuchBuffered: "too many request bodies are arriving at the same time"
        case .plainHTTP: "this port speaks TLS: ask again with https://"
        }
    }
}
