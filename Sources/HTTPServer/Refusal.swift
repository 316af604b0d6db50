import HTTP
import Primitives
import Telemetry

/// A request that is answered with an error: its status, a code for programs, a sentence for people.
struct Refusal: Error {
    var status: Int
    var code: String
    var message: String
    var allow: StaticString?
    var retryAfterSeconds: Int?
    /// What a 401 or 403 says of the credentials it wants.
    var wwwAuthenticate: StaticString?
    /// The limit the request ran into, for the metric.
    var limit: LimitHit?
    /// The codings of a 415.
    var acceptEncoding: StaticString?

    init(
        _ status: Int, _ code: String, _ message: String, allow: StaticString? = nil,
        retryAfterSeconds: Int? = nil, wwwAuthenticate: StaticString? = nil
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.allow = allow
        self.retryAfterSeconds = retryAfterSeconds
        self.wwwAuthenticate = wwwAuthenticate
    }

    init(_ refusal: HTTPRefusal) {
        self.init(
            refusal.status, String(describing: refusal.code), String(describing: refusal.message))
        limit = LimitHit(refusal)
    }

    init(_ refusal: ContentCodingRefusal) {
        self.init(
            refusal.status, String(describing: refusal.code), String(describing: refusal.message))
        limit = LimitHit(refusal)
        if refusal.status == 415 { acceptEncoding = ContentCoding.accepted }
    }

    init(_ refusal: DecodeRefusal) {
        let status = refusal.code == .tooManyRows ? 413 : 400
        self.init(status, refusal.code.rawValue, refusal.message)
        limit = LimitHit(refusal)
    }

    /// `{"error": {"code": …, "message": …}}`
    func appendBody(to buffer: inout ByteBuffer) {
        buffer.append("{\"error\": {\"code\": ")
        buffer.appendJSON(string: code)
        buffer.append(", \"message\": ")
        buffer.appendJSON(string: message)
        buffer.append("}}\n")
    }
}
