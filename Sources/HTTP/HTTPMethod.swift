/// A request method (RFC 9110 section 9.3; PATCH is RFC 5789).
public enum HTTPMethod: UInt8, Sendable, Equatable, CaseIterable {
    case get, head, post, put, delete, connect, options, trace, patch

    public var name: StaticString {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .connect: "CONNECT"
        case .options: "OPTIONS"
        case .trace: "TRACE"
        case .patch: "PATCH"
        }
    }

    /// Methods are case-sensitive. Nil for one this server has never heard of.
    init?(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        for method in Self.allCases where Ascii.equals(bytes, range, method.name) {
            self = method
            return
        }
        return nil
    }
}
