import HTTP
import Primitives

/// One request as it is sent over and over.
public struct PreparedRequest: Sendable {
    public struct Field: Sendable, Equatable {
        public let name: String
        public let value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }

        /// `Name: value`; nil when it is none, or one that the generator itself decides.
        public init?(parsing text: String) {
            guard let colon = text.firstIndex(of: ":") else { return nil }
            let name = String(text[..<colon])
            var value = text[text.index(after: colon)...]
            while value.first == " " { value = value.dropFirst() }
            while value.last == " " { value = value.dropLast() }
            let own = ["content-length", "transfer-encoding", "connection", "host", "upgrade"]
            guard !name.isEmpty, name.utf8.allSatisfy(Ascii.isToken),
                value.utf8.allSatisfy(Ascii.isFieldValue), !own.contains(name.lowercased())
            else { return nil }
            self.init(name, String(value))
        }
    }

    public var method: String
    public var path: String
    public var fields: [Field]
    public var body: [UInt8]

    public init(method: String, path: String, fields: [Field], body: [UInt8]) {
        self.method = method
        self.path = path
        self.fields = fields
        self.body = body
    }

    /// The same request, come again after a refusal that gave a ticket.
    func with(_ ticket: RetryTicket) -> PreparedRequest {
        let text = ticket.text
        var request = self
        request.fields.append(
            Field("X-Retry-Ticket", String(decoding: text.indices.map { text[$0] }, as: UTF8.self)))
        return request
    }

    /// All of it as HTTP/1.1 (RFC 9112).
    public func http1(_ target: LoadTarget) -> [UInt8] {
        var text = "\(method) \(path) HTTP/1.1\r\nHost: \(target.authority)\r\n"
        for field in fields { text += "\(field.name): \(field.value)\r\n" }
        if hasLength { text += "Content-Length: \(body.count)\r\n" }
        return Array((text + "\r\n").utf8) + body
    }

    /// The same for HTTP/2.
    public func http2(_ target: LoadTarget) -> HTTP2ClientRequest {
        var list = fields.map { (name: $0.name.lowercased(), value: $0.value) }
        if hasLength { list.append(("content-length", "\(body.count)")) }
        return HTTP2ClientRequest(
            method: method, scheme: target.isTLS ? "https" : "http", authority: target.authority,
            path: path, fields: list, body: body)
    }

    /// RFC 9110 section 8.6: methods that anticipate content say so even without.
    private var hasLength: Bool { !body.isEmpty || !["GET", "HEAD"].contains(method) }
}
