import Glibc
import IO
import Testing

@Suite struct ServiceManagerTests {
    /// A datagram socket to be notified at: its descriptor.
    private func socket(at path: String) -> Int32 {
        let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(path.utf8)
        let length = MemoryLayout<sa_family_t>.size + bytes.count
        if bytes[0] == UInt8(ascii: "@") { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(length))
            }
        }
        precondition(code == 0, "a free path")
        var time = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        return descriptor
    }

    private func receive(_ descriptor: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        return String(decoding: bytes[..<max(count, 0)], as: UTF8.self)
    }

    @Test(arguments: ["/tmp/martlet-notify-\(getpid())", "@martlet-notify-\(getpid())"])
    func theManagerHearsEachState(_ path: String) {
        let descriptor = socket(at: path)
        defer {
            close(descriptor)
            unlink(path)
        }
        let manager = ServiceManager(notifySocket: path, watchdogMicroseconds: 3_000_000)
        #expect(manager.watchdogMilliseconds == 1500)
        manager.notify(.ready, status: "3 models\nready")
        let ready = receive(descriptor)
        #expect(ready.hasPrefix("READY=1\nSTATUS=3 models"))
        // A status of two lines must not become a line of its own.
        #expect(ready.split(separator: "\n").count == 2)
        manager.notify(.watchdog)
        #expect(receive(descriptor) == "WATCHDOG=1\n")
        manager.notify(.stopping)
        #expect(receive(descriptor) == "STOPPING=1\n")
        manager.notify(.reloading)
        #expect(receive(descriptor).hasPrefix("RELOADING=1\nMONOTONIC_USEC="))
    }

    @Test(arguments: [
        nil, "", "relative", "/no/such/socket", "/" + String(repeating: "x", count: 200),
    ])
    func withoutAManagerNothingHappens(_ path: String?) {
        let manager = ServiceManager(notifySocket: path, watchdogMicroseconds: nil)
        manager.notify(.ready)
        #expect(manager.watchdogMilliseconds == nil)
    }

    @Test func socketsOfAnotherProcessAreNotOurs() {
        setenv("LISTEN_PID", "1", 1)
        setenv("LISTEN_FDS", "2", 1)
        #expect(ServiceManager.listeningDescriptors().isEmpty)
        unsetenv("LISTEN_PID")
        unsetenv("LISTEN_FDS")
    }
}
