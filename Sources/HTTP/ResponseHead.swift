import Primitives

/// The head of an answer, protocol-neutral: HTTP/1.1 writes it as lines, HTTP/2 as a header list.
public struct ResponseHead: Sendable {
    public var status: Int
    public var contentType: StaticString
    public var contentLength: Int
    /// The methods a 405 names.
    public var allow: StaticString?
    /// Whole seconds, on 503 and 429.
    public var retryAfterSeconds: Int?
    public var closesConnection = false
    /// An HTTP/1.0 client that asked to stay connected must be told that it may.
    public var announcesKeepAlive = false

    public init(status: Int, contentType: StaticString, contentLength: Int) {
        self.status = status
        self.contentType = contentType
        self.contentLength = contentLength
    }

    /// Appends the status line, the fields and the empty line. Does not allocate.
    public func appendHTTP1(to buffer: inout ByteBuffer, date: HTTPDate) {
        buffer.append(HTTPStatus.line(status))
        buffer.append("Content-Type: ")
        buffer.append(contentType)
        buffer.append("\r\nContent-Length: ")
        buffer.append(decimal: contentLength)
        buffer.append("\r\nDate: ")
        buffer.append(date.bytes)
        if let allow {
            buffer.append("\r\nAllow: ")
            buffer.append(allow)
        }
        if let retryAfterSeconds {
            buffer.append("\r\nRetry-After: ")
            buffer.append(decimal: retryAfterSeconds)
        }
        if closesConnection {
            buffer.append("\r\nConnection: close")
        } else if announcesKeepAlive {
            buffer.append("\r\nConnection: keep-alive")
        }
        buffer.append("\r\n\r\n")
    }
}
