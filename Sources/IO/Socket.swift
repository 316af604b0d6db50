import CLinux
import Glibc
import Primitives

/// What a read or a write came to. This file is the one place that looks at errno of socket calls.
public enum IOOutcome: Equatable, Sendable {
    case bytes(Int)
    /// Nothing now; epoll will tell.
    case wouldBlock
    /// The peer sent FIN (reads only).
    case endOfStream
    /// The connection is gone: reset, timed out, broken pipe.
    case failed(Int32)
}

/// What an accept came to.
public enum AcceptOutcome: Equatable, Sendable {
    /// `peer` tells clients apart: a hash of an IPv4 address or an IPv6 /64; 0 for a Unix socket.
    case connection(Int32, peer: UInt64)
    case wouldBlock
    /// No descriptor or memory for another connection: try again later.
    case exhausted(Int32)
    /// This one connection failed before it was accepted; there may be others.
    case aborted
}

/// System calls on a non-blocking socket. EINTR never leaves this type.
public enum Socket {
    /// Reads once, up to the free room of `buffer` (at least `atLeast` bytes of it).
    public static func read(
        _ descriptor: Int32, into buffer: inout ByteBuffer, atLeast: Int
    ) -> IOOutcome {
        var outcome = IOOutcome.wouldBlock
        _ = buffer.write(atLeast: atLeast) { free in
            while true {
                let got = Glibc.read(descriptor, free.baseAddress, free.count)
                if got > 0 {
                    outcome = .bytes(got)
                    return got
                }
                if got == 0 {
                    outcome = .endOfStream
                    return 0
                }
                if errno == EINTR { continue }
                outcome = failure(errno)
                return 0
            }
        }
        return outcome
    }

    /// Writes once from the front of `buffer` and consumes what went out.
    public static func write(_ descriptor: Int32, from buffer: inout ByteBuffer) -> IOOutcome {
        var outcome = IOOutcome.bytes(0)
        buffer.span.withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress, !bytes.isEmpty else { return }
            while true {
                // MSG_NOSIGNAL: a peer that left is an error code, not a SIGPIPE.
                let sent = send(descriptor, base, bytes.count, Int32(MSG_NOSIGNAL))
                if sent >= 0 {
                    outcome = .bytes(sent)
                    return
                }
                if errno == EINTR { continue }
                outcome = failure(errno)
                return
            }
        }
        if case .bytes(let sent) = outcome { buffer.consume(sent) }
        return outcome
    }

    private static func failure(_ code: Int32) -> IOOutcome {
        code == EAGAIN || code == EWOULDBLOCK ? .wouldBlock : .failed(code)
    }

    /// Takes the next connection of a listener, non-blocking and with TCP_NODELAY set (answers go out
    /// in one write each; Nagle would hold a pipelined one back).
    public static func accept(_ listener: Int32) -> AcceptOutcome {
        while true {
            let flags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
            var address = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let descriptor = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    martlet_accept4(listener, $0, &length, flags)
                }
            }
            if descriptor >= 0 {
                var on: Int32 = 1
                setsockopt(
                    descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on,
                    socklen_t(MemoryLayout<Int32>.size))
                return .connection(descriptor, peer: peer(address))
            }
            switch errno {
            case EINTR: continue
            case EAGAIN, EWOULDBLOCK: return .wouldBlock
            case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .exhausted(errno)
            default: return .aborted
            }
        }
    }

    private static func peer(_ address: sockaddr_storage) -> UInt64 {
        withUnsafeBytes(of: address) { bytes in
            // sockaddr_in has its address at byte 4, sockaddr_in6 at byte 8.
            switch Int32(address.ss_family) {
            case AF_INET: UInt64(bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)) << 1 | 1
            case AF_INET6: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self) | 1
            default: 0
            }
        }
    }

    /// Sends FIN and keeps reading possible.
    public static func shutdownWrite(_ descriptor: Int32) {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    public static func close(_ descriptor: Int32) { _ = Glibc.close(descriptor) }
}
