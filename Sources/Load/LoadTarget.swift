import Primitives

/// Where requests go: what a URL says, and the socket if it is not the URL's.
public struct LoadTarget: Sendable, Equatable {
    public var isTLS = false
    public var host = ""
    public var port: UInt16 = 80
    /// From `/` on, with the query; empty when the URL ends with the host.
    public var path = ""
    /// A Unix-domain socket to connect to instead of host and port.
    public var unixPath: String?

    /// `http://host:port/path?query`; nil when it is no such URL. The host of a URL without scheme is
    /// taken too (`localhost:8080`).
    public init?(parsing url: String) {
        var rest = url[...]
        if let end = rest.firstRange(of: "://") {
            switch rest[..<end.lowerBound].lowercased() {
            case "http": isTLS = false
            case "https": isTLS = true
            default: return nil
            }
            rest = rest[end.upperBound...]
        }
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        path = String(rest[authority.endIndex...].prefix { $0 != "#" })
        if path.hasPrefix("?") { path = "/" + path }
        guard path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), !authority.contains("@") else {
            return nil
        }
        port = isTLS ? 443 : 80
        guard parse(authority: authority), !host.isEmpty else { return nil }
    }

    private mutating func parse(authority: Substring) -> Bool {
        var name = authority
        if name.hasPrefix("[") {
            guard let end = name.firstIndex(of: "]") else { return false }
            host = String(name[name.index(after: name.startIndex)..<end])
            name = name[name.index(after: end)...]
        } else {
            host = String(name.prefix { $0 != ":" })
            name = name.dropFirst(host.count)
        }
        guard host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x2F }) else { return false }
        if name.isEmpty { return true }
        guard name.hasPrefix(":"), let number = UInt16(name.dropFirst()), number > 0 else {
            return false
        }
        port = number
        return true
    }

    /// The value of `Host` and `:authority`.
    public var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (isTLS ? 443 : 80) ? name : "\(name):\(port)"
    }

    public var url: String { "\(isTLS ? "https" : "http")://\(authority)\(path)" }
}
