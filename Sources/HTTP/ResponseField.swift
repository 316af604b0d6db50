/// The fields that answers have, with their two spellings.
public enum ResponseField: UInt8, Sendable, CaseIterable {
    case contentType, contentLength, contentEncoding, date, vary, allow, acceptEncoding
    case retryAfter, retryAfterMilliseconds, retryTicket, wwwAuthenticate
    case allowOrigin, allowCredentials, exposeHeaders, allowMethods, allowHeaders, maxAge
    case requestID, traceParent

    /// In lower case, as HTTP/2 wants it (RFC 9113 section 8.2).
    public var name: StaticString {
        switch self {
        case .contentType: "content-type"
        case .contentLength: "content-length"
        case .contentEncoding: "content-encoding"
        case .date: "date"
        case .vary: "vary"
        case .allow: "allow"
        case .acceptEncoding: "accept-encoding"
        case .retryAfter: "retry-after"
        case .retryAfterMilliseconds: "x-retry-after-ms"
        case .retryTicket: "x-retry-ticket"
        case .wwwAuthenticate: "www-authenticate"
        case .allowOrigin: "access-control-allow-origin"
        case .allowCredentials: "access-control-allow-credentials"
        case .exposeHeaders: "access-control-expose-headers"
        case .allowMethods: "access-control-allow-methods"
        case .allowHeaders: "access-control-allow-headers"
        case .maxAge: "access-control-max-age"
        case .requestID: "x-request-id"
        case .traceParent: "traceparent"
        }
    }

    /// The beginning of its line in HTTP/1.1.
    var lineStart: StaticString {
        switch self {
        case .contentType: "Content-Type: "
        case .contentLength: "Content-Length: "
        case .contentEncoding: "Content-Encoding: "
        case .date: "Date: "
        case .vary: "Vary: "
        case .allow: "Allow: "
        case .acceptEncoding: "Accept-Encoding: "
        case .retryAfter: "Retry-After: "
        case .retryAfterMilliseconds: "X-Retry-After-Ms: "
        case .retryTicket: "X-Retry-Ticket: "
        case .wwwAuthenticate: "WWW-Authenticate: "
        case .allowOrigin: "Access-Control-Allow-Origin: "
        case .allowCredentials: "Access-Control-Allow-Credentials: "
        case .exposeHeaders: "Access-Control-Expose-Headers: "
        case .allowMethods: "Access-Control-Allow-Methods: "
        case .allowHeaders: "Access-Control-Allow-Headers: "
        case .maxAge: "Access-Control-Max-Age: "
        case .requestID: "X-Request-Id: "
        case .traceParent: "traceparent: "
        }
    }
}
