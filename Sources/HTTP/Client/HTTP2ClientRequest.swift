import CNghttp2
import Primitives

/// A request as an HTTP/2 client sends it over and over: its field list and body, made once.
///
/// Immutable and confined to one thread. Sessions keep it alive while a stream needs it.
@safe public final class HTTP2ClientRequest {
    private let bytes: UnsafeMutableBufferPointer<UInt8>
    private let fields: UnsafeMutableBufferPointer<nghttp2_nv>
    public let body: [UInt8]

    /// Field names must be in lower case, and none of a connection (RFC 9113 section 8.2.2).
    public init(
        method: String, scheme: String, authority: String, path: String,
        fields list: [(name: String, value: String)], body: [UInt8]
    ) {
        let all =
            [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path)]
            + list.map { ($0.name, $0.value) }
        let count = all.reduce(0) { $0 + $1.0.utf8.count + $1.1.utf8.count }
        bytes = .allocate(capacity: max(count, 1))
        fields = .allocate(capacity: all.count)
        self.body = body
        var position = 0
        for (index, (name, value)) in all.enumerated() {
            let start = position
            for byte in name.utf8 {
                bytes.initializeElement(at: position, to: byte)
                position += 1
            }
            let middle = position
            for byte in value.utf8 {
                bytes.initializeElement(at: position, to: byte)
                position += 1
            }
            let base = bytes.baseAddress.unsafelyUnwrapped
            // The bytes outlive every stream that sends them, so nghttp2 need not copy.
            let flags =
                NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue
            fields.initializeElement(
                at: index,
                to: nghttp2_nv(
                    name: base + start, value: base + middle, namelen: middle - start,
                    valuelen: position - middle, flags: UInt8(truncatingIfNeeded: flags)))
        }
    }

    deinit {
        bytes.deallocate()
        fields.deallocate()
    }

    var pairs: UnsafePointer<nghttp2_nv> { UnsafePointer(fields.baseAddress.unsafelyUnwrapped) }
    var pairCount: Int { fields.count }
}

/// What became of a request.
public struct HTTP2ClientAnswer: Sendable, Equatable {
    public enum Outcome: Sendable, Equatable {
        /// The whole answer came.
        case complete
        /// The server says it did not process the request: GOAWAY with a smaller stream number, or
        /// REFUSED_STREAM (RFC 9113 sections 6.8 and 8.7). It may be sent again.
        case unprocessed
        /// The stream was reset with this code, or broken off.
        case reset(UInt32)
    }

    /// What `submit` was given.
    public let token: Int
    public let outcome: Outcome
    /// 0 when no head came.
    public let status: Int
    public let bodyBytes: Int
    public let retryDelay: RetryDelay?
    public let retryTicket: RetryTicket?
}
