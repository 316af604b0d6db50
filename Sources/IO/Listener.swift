import CLinux
import Glibc
import Primitives

/// Where a server listens: a numeric address or a name, and a port (0 = a free one).
public struct ListenAddress: Sendable, Equatable {
    public let host: String
    public let port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// `HOST:PORT` or `[IPV6]:PORT`; nil when it is neither.
    public init?(parsing text: String) {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        self.init(host: String(host), port: port)
    }

    /// Only this machine gets there.
    public var isLoopback: Bool {
        let isNumeric = host.utf8.allSatisfy { $0 == 0x2E || (0x30...0x39).contains($0) }
        return host == "localhost" || host == "::1" || (isNumeric && host.hasPrefix("127."))
    }

    /// As in a URL: IPv6 addresses in brackets.
    public var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}

/// A listening TCP socket. With SO_REUSEPORT, one for each loop: the kernel spreads connections over
/// them and no two threads wait on the same queue.
public final class Listener {
    public let descriptor: Int32
    /// The address bound, with the real port.
    public let address: ListenAddress
    private var isOpen = true

    /// Throws the failing call with its errno: EADDRINUSE when another process holds the port.
    /// Without `listens` the port is only taken: the kernel gives it no connection before `listen`
    /// is called.
    public init(
        _ wanted: ListenAddress, backlog: Int32 = 4096, shared: Bool = true, listens: Bool = true
    ) throws(SystemError) {
        var hints = addrinfo()
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(
            wanted.host.isEmpty ? nil : wanted.host, String(wanted.port), &hints, &found)
        guard code == 0, let info = found else {
            throw SystemError(
                call: "find the address of '\(wanted.host)'", code == EAI_SYSTEM ? errno : ENXIO)
        }
        defer { freeaddrinfo(found) }
        let flags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let socket = Glibc.socket(info.pointee.ai_family, info.pointee.ai_socktype | flags, 0)
        guard socket >= 0 else { throw SystemError(call: "socket", errno) }
        do throws(SystemError) {
            var on: Int32 = 1
            let size = socklen_t(MemoryLayout<Int32>.size)
            setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, size)
            if shared, setsockopt(socket, SOL_SOCKET, SO_REUSEPORT, &on, size) != 0 {
                throw SystemError(call: "setsockopt SO_REUSEPORT", errno)
            }
            guard bind(socket, info.pointee.ai_addr, info.pointee.ai_addrlen) == 0 else {
                throw SystemError(call: "listen on \(wanted.description)", errno)
            }
            if listens, Glibc.listen(socket, backlog) != 0 {
                throw SystemError(call: "listen on \(wanted.description)", errno)
            }
        } catch {
            Glibc.close(socket)
            throw error
        }
        descriptor = socket
        address = ListenAddress(host: wanted.host, port: Self.boundPort(socket) ?? wanted.port)
    }

    /// Listens on a Unix-domain socket. A socket file that nobody listens on any more is replaced.
    public init(unixPath path: String, backlog: Int32 = 4096) throws(SystemError) {
        let flags = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let socket = Glibc.socket(AF_UNIX, flags, 0)
        guard socket >= 0 else { throw SystemError(call: "socket", errno) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            Glibc.close(socket)
            throw SystemError(call: "listen on \(path)", ENAMETOOLONG)
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw -> Int32 in
                let size = socklen_t(MemoryLayout<sockaddr_un>.size)
                // Somebody listens there already.
                if connect(socket, raw, size) == 0 {
                    errno = EADDRINUSE
                    return -1
                }
                // Only a socket that nobody listens on is in the way and may go; a file stays.
                if errno == ECONNREFUSED, FileSystem.kind(of: path) == .socket { unlink(path) }
                return bind(socket, raw, size)
            }
        }
        guard bound == 0, Glibc.listen(socket, backlog) == 0 else {
            let code = errno
            Glibc.close(socket)
            throw SystemError(call: "listen on \(path)", code)
        }
        descriptor = socket
        self.address = ListenAddress(host: path, port: 0)
    }

    /// A listening socket that somebody else opened (socket activation). Throws ENOTSOCK or EINVAL when the
    /// descriptor is no listening stream socket.
    public init(adopting descriptor: Int32) throws(SystemError) {
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 else {
            throw SystemError(call: "use the socket passed as descriptor \(descriptor)", errno)
        }
        guard value != 0 else {
            throw SystemError(call: "use the socket passed as descriptor \(descriptor)", EINVAL)
        }
        let flags = fcntl(descriptor, F_GETFL)
        guard flags >= 0, fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0 else {
            throw SystemError(call: "fcntl", errno)
        }
        self.descriptor = descriptor
        address = ListenAddress(
            host: Self.boundHost(descriptor) ?? "", port: Self.boundPort(descriptor) ?? 0)
    }

    /// The same socket under another descriptor, for another loop: all of them accept from one queue.
    public init(sharing other: Listener) throws(SystemError) {
        descriptor = fcntl(other.descriptor, F_DUPFD_CLOEXEC, 0)
        guard descriptor >= 0 else { throw SystemError(call: "dup", errno) }
        address = other.address
    }

    deinit { close() }

    /// Begins to take connections, where `init` did not.
    public func listen(backlog: Int32 = 4096) throws(SystemError) {
        guard Glibc.listen(descriptor, backlog) == 0 else {
            throw SystemError(call: "listen on \(address.description)", errno)
        }
    }

    /// Stops listening. Connections that the kernel completed and nobody accepted are reset, so
    /// accept until `.wouldBlock` first.
    public func close() {
        guard isOpen else { return }
        isOpen = false
        Glibc.close(descriptor)
    }

    /// Whether somebody already listens there: SO_REUSEPORT would let a second server of the same
    /// user steal half of the first one's connections without an error.
    public static func probe(_ wanted: ListenAddress) throws(SystemError) {
        guard wanted.port != 0 else { return }
        try Listener(wanted, shared: false).close()
    }

    private static func boundHost(_ socket: Int32) -> String? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw -> String? in
                guard getsockname(socket, raw, &length) == 0 else { return nil }
                var name = [CChar](repeating: 0, count: 64)
                let code = getnameinfo(raw, length, &name, 64, nil, 0, NI_NUMERICHOST)
                guard code == 0 else { return nil }
                return String(
                    decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            }
        }
    }

    private static func boundPort(_ socket: Int32) -> UInt16? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let code = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getsockname(socket, $0, &length)
            }
        }
        guard code == 0 else { return nil }
        // The port is at the same offset in sockaddr_in and sockaddr_in6.
        return withUnsafePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                UInt16(bigEndian: $0.pointee.sin_port)
            }
        }
    }
}
