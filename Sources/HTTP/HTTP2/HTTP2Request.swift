/// A request that came on a stream of an HTTP/2 connection. Ranges index the bytes that
/// `HTTP2Session.nextRequest` handed over with it, as do those of its `RequestHead`.
public struct HTTP2Request: Sendable, Equatable {
    /// The stream to answer on.
    public let stream: Int32
    public let body: Range<Int>
    /// Fields behind the body. They are not header fields and are not to be mixed with them
    /// (RFC 9110 section 6.5.1).
    public let trailers: [HeaderField]
    /// Why this request is not to be routed: answer with the refusal's status. The connection and
    /// its other streams go on.
    public let refusal: HTTPRefusal?
}
