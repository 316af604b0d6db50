import COpenSSL
import Primitives
import TLS
import Testing

/// Our client against our server, over memory.
private final class Link {
    let client: TLSSession
    let server: TLSSession
    private(set) var clientOutcome = TLSOutcome.needMore
    private(set) var serverOutcome = TLSOutcome.needMore

    init(_ server: TestServer, _ configuration: TLSClientConfiguration, name: String) throws {
        client = TLSSession(client: try TLSClientContext(configuration), serverName: name)
        self.server = TLSSession(context: try server.context())
    }

    /// The plaintext that came to each end.
    func run() -> (client: [UInt8], server: [UInt8]) {
        var toClient = ByteBuffer()
        var toServer = ByteBuffer()
        var atClient = ByteBuffer()
        var atServer = ByteBuffer()
        while true {
            clientOutcome = client.read(from: &toClient, into: &atClient, atMost: 1 << 20)
            client.drain(into: &toServer)
            let up = toServer.count
            serverOutcome = server.read(from: &toServer, into: &atServer, atMost: 1 << 20)
            server.drain(into: &toClient)
            // A session that is over takes no more.
            if case .failed = serverOutcome { toServer.removeAll() }
            if case .failed = clientOutcome { toClient.removeAll() }
            if up == 0, toClient.isEmpty { return (atClient.bytes, atServer.bytes) }
        }
    }
}

private func trusting(_ server: TestServer) -> TLSClientConfiguration {
    var configuration = TLSClientConfiguration()
    configuration.authorityPath = server.configuration.certificatePath
    return configuration
}

private func send(_ text: String, _ session: TLSSession) {
    var buffer = ByteBuffer()
    buffer.append(text)
    _ = session.write(&buffer)
}

@Test func aClientAndAServerOfOursTalk() throws {
    let server = TestServer()
    var configuration = trusting(server)
    configuration.applicationProtocol = .http2
    let link = try Link(server, configuration, name: "server-1")
    _ = link.run()
    #expect(link.client.isHandshakeComplete && link.server.isHandshakeComplete)
    #expect(link.client.negotiatedProtocol == .http2)
    send("question", link.client)
    send("answer", link.server)
    let got = link.run()
    #expect(got.client == Array("answer".utf8) && got.server == Array("question".utf8))
    link.server.close()
    _ = link.run()
    #expect(link.clientOutcome == .closedByPeer)
}

@Test func aServerOfAnotherNameOrAuthorityIsNotTrusted() throws {
    let server = TestServer()
    let stranger = TestServer()
    for (configuration, name) in [
        (trusting(server), "other"), (trusting(stranger), "server-1"),
        (trusting(server), "127.0.0.1"), (TLSClientConfiguration(), "server-1"),
    ] {
        let link = try Link(server, configuration, name: name)
        _ = link.run()
        guard case .failed(.serverCertificateInvalid) = link.clientOutcome else {
            Issue.record("\(name): \(link.clientOutcome)")
            continue
        }
        #expect(!link.server.isHandshakeComplete)
        // The server hears why.
        guard case .failed(.alert) = link.serverOutcome else {
            Issue.record("\(link.serverOutcome)")
            continue
        }
    }
}

@Test func verificationCanBeTurnedOff() throws {
    let server = TestServer()
    var configuration = TLSClientConfiguration()
    configuration.verifiesServer = false
    for name in ["other", "10.1.2.3"] {
        let link = try Link(server, configuration, name: name)
        _ = link.run()
        #expect(link.client.isHandshakeComplete && link.client.negotiatedProtocol == .http1)
    }
}

@Test func aClientCertificateIsShown() throws {
    let server = TestServer(.required)
    let robot = TestIdentity("robot", issuer: server.authority)
    var configuration = trusting(server)
    configuration.certificatePath = server.folder.write(robot.certificateText, to: "robot.crt")
    configuration.keyPath = server.folder.write(robot.keyText, to: "robot.key")
    let link = try Link(server, configuration, name: "server-1")
    _ = link.run()
    #expect(link.server.clientSubject == "CN=robot,O=Martlet")
    let without = try Link(server, trusting(server), name: "server-1")
    _ = without.run()
    #expect(without.serverOutcome == .failed(.clientCertificateMissing))
}

@Test func filesThatAreNoneAreNamed() throws {
    let server = TestServer()
    var missing = TLSClientConfiguration()
    missing.authorityPath = "/nowhere/ca.pem"
    #expect(throws: TLSError.self) { try TLSClientContext(missing) }
    var mismatched = TLSClientConfiguration()
    mismatched.certificatePath = server.configuration.certificatePath
    let other = TestIdentity("other")
    mismatched.keyPath = server.folder.write(other.keyText, to: "other.key")
    #expect(throws: TLSError.self) { try TLSClientContext(mismatched) }
}
