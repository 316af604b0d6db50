import CLinux
import Glibc
import Primitives

/// What connecting came to.
public enum ConnectOutcome: Equatable, Sendable {
    case connected(Int32)
    /// Writable once it is connected or has failed: ask `Socket.connectionError`.
    case pending(Int32)
    case failed(Int32)
}

/// Where a client connects to, found once.
public struct SocketAddress: Sendable {
    private var storage = sockaddr_storage()
    private let length: socklen_t
    private let family: Int32

    /// Asks the resolver, which may take seconds; the first address it names is taken.
    public init(host: String, port: UInt16) throws(SystemError) {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICSERV
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &found)
        guard code == 0, let info = found else {
            throw SystemError(
                call: "find the address of '\(host)'", code == EAI_SYSTEM ? errno : ENXIO)
        }
        defer { freeaddrinfo(found) }
        family = info.pointee.ai_family
        length = info.pointee.ai_addrlen
        precondition(
            length <= socklen_t(MemoryLayout<sockaddr_storage>.size), "an address fits its storage")
        memcpy(&storage, info.pointee.ai_addr, Int(length))
    }

    /// A Unix-domain socket.
    public init(unixPath path: String) throws(SystemError) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw SystemError(call: "connect to \(path)", ENAMETOOLONG)
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        family = AF_UNIX
        length = socklen_t(MemoryLayout<sockaddr_un>.size)
        memcpy(&storage, &address, MemoryLayout<sockaddr_un>.size)
    }

    /// Begins a non-blocking connection, with TCP_NODELAY set where that exists.
    public func connect() -> ConnectOutcome {
        let flags = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let socket = Glibc.socket(family, flags, 0)
        guard socket >= 0 else { return .failed(errno) }
        if family != AF_UNIX {
            var on: Int32 = 1
            setsockopt(
                socket, Int32(IPPROTO_TCP), TCP_NODELAY, &on,
                socklen_t(MemoryLayout<Int32>.size))
        }
        let code = withUnsafePointer(to: storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw -> Int32 in
                while Glibc.connect(socket, raw, length) != 0 {
                    if errno != EINTR { return errno }
                }
                return 0
            }
        }
        switch code {
        case 0, EISCONN: return .connected(socket)
        case EINPROGRESS, EALREADY: return .pending(socket)
        default:
            // A Unix socket with a full backlog says EAGAIN: that is a refusal too.
            Glibc.close(socket)
            return .failed(code)
        }
    }
}

extension Socket {
    /// The outcome of a pending connection, an errno; 0 when it is connected.
    public static func connectionError(_ descriptor: Int32) -> Int32 {
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0 else { return errno }
        return code
    }
}
