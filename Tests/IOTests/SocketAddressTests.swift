import Glibc
import IO
import Primitives
import Testing

/// Waits until a connection came about or failed; the errno.
private func settle(_ descriptor: Int32) throws -> Int32 {
    let poller = try Poller()
    try poller.add(descriptor, token: 0, .write)
    var count = 0
    while count == 0 { count = poller.wait(timeoutMilliseconds: 10_000) }
    return Socket.connectionError(descriptor)
}

@Test func aConnectionToAListenerComesAbout() throws {
    let listener = try Listener(ListenAddress(host: "127.0.0.1", port: 0))
    let address = try SocketAddress(host: "127.0.0.1", port: listener.address.port)
    switch address.connect() {
    case .connected(let descriptor), .pending(let descriptor):
        let code = try settle(descriptor)
        #expect(code == 0)
        Socket.close(descriptor)
    case .failed(let code): Issue.record("errno \(code)")
    }
}

@Test func nobodyListensIsARefusal() throws {
    let listener = try Listener(ListenAddress(host: "127.0.0.1", port: 0))
    let port = listener.address.port
    listener.close()
    switch try SocketAddress(host: "127.0.0.1", port: port).connect() {
    case .connected: Issue.record("connected to nobody")
    case .pending(let descriptor):
        let code = try settle(descriptor)
        #expect(code == ECONNREFUSED)
        Socket.close(descriptor)
    case .failed(let code): #expect(code == ECONNREFUSED)
    }
}

@Test func aUnixSocketIsConnectedToAndALongPathIsRefused() throws {
    let path = "/tmp/martlet-address-\(getpid()).sock"
    let listener = try Listener(unixPath: path)
    defer {
        listener.close()
        FileSystem.remove(path)
    }
    let outcome = try SocketAddress(unixPath: path).connect()
    guard case .connected(let descriptor) = outcome else {
        Issue.record("\(outcome)")
        return
    }
    Socket.close(descriptor)
    #expect(throws: SystemError.self) {
        try SocketAddress(unixPath: String(repeating: "x", count: 200))
    }
    #expect(throws: SystemError.self) {
        try SocketAddress(host: "name.invalid", port: 1)
    }
}
