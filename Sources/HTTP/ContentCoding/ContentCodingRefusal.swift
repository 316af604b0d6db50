/// Why a coded body is refused. `status` is the only map to an HTTP status.
public enum ContentCodingRefusal: Error, Sendable, Equatable, CaseIterable {
    /// Answered with `Accept-Encoding: ` and `ContentCoding.accepted`.
    case unknownCoding
    /// Answered with `Accept-Encoding: ` and `ContentCoding.accepted`.
    case severalCodings
    case corrupt
    case truncated
    case trailingBytes
    case tooLarge
    /// Small and decompressing to a lot: a bomb, or zeros.
    case ratioTooHigh

    public var status: Int {
        switch self {
        case .corrupt, .truncated, .trailingBytes: 400
        case .tooLarge, .ratioTooHigh: 413
        case .unknownCoding, .severalCodings: 415
        }
    }

    /// A stable code for programs.
    public var code: StaticString {
        switch self {
        case .unknownCoding, .severalCodings: "unsupported_content_encoding"
        case .corrupt: "corrupt_body"
        case .truncated: "truncated_body"
        case .trailingBytes: "trailing_bytes"
        case .tooLarge: "decompressed_body_too_large"
        case .ratioTooHigh: "compression_ratio_too_high"
        }
    }

    /// One sentence for a person.
    public var message: StaticString {
        switch self {
        case .unknownCoding: "the Content-Encoding is not known; taken are gzip and deflate"
        case .severalCodings: "a body may have one Content-Encoding: gzip or deflate"
        case .corrupt: "the body is not what its Content-Encoding says, or was damaged"
        case .truncated: "the compressed body ends too early"
        case .trailingBytes: "there are bytes behind the end of the compressed body"
        case .tooLarge: "the decompressed body is larger than this server takes"
        case .ratioTooHigh: "the body decompresses to more than its size allows"
        }
    }
}
