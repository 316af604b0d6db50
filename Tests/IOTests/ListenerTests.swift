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
