import CLinux
import Glibc
import Primitives

/// The service manager's side of a daemon: what sd_notify(3) and sd_listen_fds(3) describe, over the plain
/// protocol, so that nothing of systemd is linked.
public struct ServiceManager: Sendable {
    private let path: String?
    /// How often the watchdog wants to hear from us, half of its limit; nil without one.
    public let watchdogMilliseconds: Int?

    /// The manager named in the environment, if any. Without one every call does nothing.
    public static var current: ServiceManager {
        func text(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
        let microseconds = text("WATCHDOG_USEC").flatMap { Int($0) }
        let isOurs = text("WATCHDOG_PID").flatMap { Int32($0) }.map { $0 == getpid() } ?? true
        return ServiceManager(
            notifySocket: text("NOTIFY_SOCKET"),
            watchdogMicroseconds: isOurs ? microseconds : nil)
    }

    public init(notifySocket: String?, watchdogMicroseconds: Int?) {
        path = notifySocket.flatMap { $0.hasPrefix("/") || $0.hasPrefix("@") ? $0 : nil }
        watchdogMilliseconds = watchdogMicroseconds.flatMap {
            $0 > 0 ? max($0 / 2000, 1) : nil
        }
    }

    public enum State: Sendable {
        case ready, reloading, stopping, watchdog
    }

    /// Tells the manager a state, and a line for `systemctl status`. A manager that does not listen is
    /// no error.
    public func notify(_ state: State, status: String? = nil) {
        guard path != nil else { return }
        var text =
            switch state {
            case .ready: "READY=1\n"
            // RELOADING wants the time of day it began (sd_notify(3)), for Type=notify-reload.
            case .reloading: "RELOADING=1\nMONOTONIC_USEC=\(MonotonicClock.nanoseconds / 1000)\n"
            case .stopping: "STOPPING=1\n"
            case .watchdog: "WATCHDOG=1\n"
            }
        if let status { text += "STATUS=\(status.onOneLine)\n" }
        send(text)
    }

    private func send(_ text: String) {
        guard let path else { return }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        let length = MemoryLayout<sa_family_t>.size + bytes.count
        // An abstract socket's name begins with NUL and is written with @.
        if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let socket = Glibc.socket(
            AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { return }
        defer { close(socket) }
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                _ = text.utf8CString.withUnsafeBufferPointer { bytes in
                    sendto(
                        socket, bytes.baseAddress, bytes.count - 1, Int32(MSG_NOSIGNAL), raw,
                        socklen_t(length))
                }
            }
        }
    }

    /// Listening sockets that the manager opened for us (socket activation), as descriptors; none when
    /// the variables are not ours. Each is made close-on-exec. Call once, before anything else opens
    /// descriptors.
    public static func listeningDescriptors() -> [Int32] {
        guard let process = getenv("LISTEN_PID"), let count = getenv("LISTEN_FDS"),
            Int32(String(cString: process)) == getpid(),
            let number = Int32(String(cString: count)), (1...64).contains(number)
        else { return [] }
        unsetenv("LISTEN_PID")
        unsetenv("LISTEN_FDS")
        unsetenv("LISTEN_FDNAMES")
        return (3..<(3 + number)).filter { fcntl($0, F_SETFD, FD_CLOEXEC) == 0 }
    }
}
