import CLinux
import Glibc
import Primitives

/// A blocking connection to a server, for commands: one thread, one exchange at a time.
public struct ClientSocket: ~Copyable {
    private let descriptor: Int32

    /// Connects to a host by name or number, the first of its addresses that answers. Sends and receives
    /// fail with EAGAIN after `timeoutSeconds` without progress.
    public init(host: String, port: UInt16, timeoutSeconds: Int) throws(SystemError) {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0, let first = list else {
            throw SystemError(call: "find the host \(host)", ENOENT)
        }
        defer { freeaddrinfo(first) }
        var failure = SystemError(call: "connect to \(host):\(port)", ECONNREFUSED)
        var next: UnsafeMutablePointer<addrinfo>? = first
        while let address = next?.pointee {
            next = address.ai_next
            let opened = socket(
                address.ai_family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            guard opened >= 0 else {
                failure = SystemError(call: "socket", errno)
                continue
            }
            Self.setTimeout(opened, timeoutSeconds)
            if connect(opened, address.ai_addr, address.ai_addrlen) == 0 {
                descriptor = opened
                return
            }
            failure = SystemError(call: "connect to \(host):\(port)", errno)
            Glibc.close(opened)
        }
        throw failure
    }

    /// Connects to a Unix-domain socket.
    public init(unixPath path: String, timeoutSeconds: Int) throws(SystemError) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw SystemError(call: "connect to \(path)", ENAMETOOLONG)
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let opened = socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard opened >= 0 else { throw SystemError(call: "socket", errno) }
        Self.setTimeout(opened, timeoutSeconds)
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(opened, $0, size) }
        }
        guard code == 0 else {
            let failure = SystemError(call: "connect to \(path)", errno)
            Glibc.close(opened)
            throw failure
        }
        descriptor = opened
    }

    deinit { Glibc.close(descriptor) }

    private static func setTimeout(_ descriptor: Int32, _ seconds: Int) {
        var time = timeval(tv_sec: seconds, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, size)
    }

    /// Sends all of the bytes.
    public func send(_ bytes: Span<UInt8>) throws(SystemError) {
        var failure: Int32 = 0
        bytes.withUnsafeBufferPointer { buffer in
            var sent = 0
            while sent < buffer.count {
                let count = Glibc.send(
                    descriptor, buffer.baseAddress! + sent, buffer.count - sent,
                    Int32(MSG_NOSIGNAL))
                if count > 0 {
                    sent += count
                } else if errno != EINTR {
                    failure = errno
                    return
                }
            }
        }
        guard failure == 0 else { throw SystemError(call: "send", failure) }
    }

    /// Waits for bytes and appends them to `buffer`; false when the server has closed.
    public func receive(into buffer: inout ByteBuffer) throws(SystemError) -> Bool {
        while true {
            var failure: Int32 = 0
            let count = buffer.write(atLeast: 16 << 10) { free in
                let got = recv(descriptor, free.baseAddress, free.count, 0)
                if got < 0 { failure = errno }
                return max(got, 0)
            }
            if failure == EINTR { continue }
            guard failure == 0 else { throw SystemError(call: "receive", failure) }
            return count > 0
        }
    }

    /// Whether something can be received within this time.
    public func isReadable(withinMilliseconds milliseconds: Int32) -> Bool {
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&polled, 1, milliseconds) > 0
    }
}
