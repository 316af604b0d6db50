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
