import Glibc
import IO
import Primitives
import Testing

@Test func aPortInUseIsNamed() throws {
    let first = try Listener(ListenAddress(host: "127.0.0.1", port: 0), shared: false)
    #expect(first.address.port != 0)
    do throws(SystemError) {
        try Listener.probe(first.address)
        Issue.record("the port is taken")
    } catch {
        #expect(error.code == EADDRINUSE)
        #expect(error.description.contains(first.address.description))
    }
    first.close()
    try Listener.probe(first.address)
}

@Test func severalLoopsShareAPort() throws {
    let first = try Listener(ListenAddress(host: "127.0.0.1", port: 0))
    let second = try Listener(first.address)
    #expect(second.address == first.address)
}

@Test func anUnknownHostIsAnError() {
    #expect(throws: SystemError.self) {
        _ = try Listener(ListenAddress(host: "no.such.host.invalid", port: 0))
    }
}

@Test func addressesAreWrittenAsInURLs() {
    #expect(ListenAddress(host: "::1", port: 80).description == "[::1]:80")
    #expect(ListenAddress(host: "127.0.0.1", port: 80).description == "127.0.0.1:80")
}

@Test func aFileInTheWayOfAUnixSocketIsNotDeleted() throws {
    let path = "/tmp/martlet-socket-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    let file = try #require(fopen(path, "w"))
    fclose(file)
    defer { unlink(path) }
    #expect(throws: SystemError.self) { _ = try Listener(unixPath: path) }
    #expect(FileSystem.kind(of: path) == .file)
}

@Test func aStaleUnixSocketIsReplacedAndALiveOneIsNot() throws {
    let path = "/tmp/martlet-socket-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    defer { unlink(path) }
    let first = try Listener(unixPath: path)
    do throws(SystemError) {
        _ = try Listener(unixPath: path)
        Issue.record("two listeners on one socket")
    } catch {
        #expect(error.code == EADDRINUSE)
    }
    first.close()
    _ = try Listener(unixPath: path)
}

@Test func loopbackAddressesAreKnown() {
    for host in ["127.0.0.1", "127.1.2.3", "::1", "localhost"] {
        #expect(ListenAddress(host: host, port: 1).isLoopback)
    }
    for host in ["0.0.0.0", "::", "10.0.0.1", "127.example.com", "example.com", ""] {
        #expect(!ListenAddress(host: host, port: 1).isLoopback)
    }
}

/// Whether somebody takes a connection at a port of this machine.
private func isAnswered(_ port: UInt16) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
}

@Test func aPortThatIsOnlyTakenGetsNoConnectionBeforeItListens() throws {
    let listener = try Listener(ListenAddress(host: "127.0.0.1", port: 0), listens: false)
    #expect(!isAnswered(listener.address.port))
    // Who listens beside it gets all of them.
    let other = try Listener(listener.address)
    for _ in 0..<20 { #expect(isAnswered(listener.address.port)) }
    var accepted = 0
    while case .connection(let descriptor, _) = Socket.accept(other.descriptor) {
        accepted += 1
        close(descriptor)
    }
    #expect(accepted == 20)
    other.close()
    #expect(!isAnswered(listener.address.port))
    try listener.listen()
    #expect(isAnswered(listener.address.port))
}
