import COpenSSL
import Primitives
import TLS
import Testing

private func refusal(of server: TestServer) -> String {
    do throws(TLSError) {
        _ = try server.context()
        return "accepted"
    } catch {
        return error.description
    }
}

@Test func aMissingFileIsNamed() {
    let server = TestServer()
    server.configuration.certificatePath = "/nowhere/server.crt"
    #expect(
        refusal(of: server) == "/nowhere/server.crt: No such file or directory")
    let other = TestServer()
    other.configuration.keyPath = "/nowhere/server.key"
    #expect(refusal(of: other) == "/nowhere/server.key: No such file or directory")
}

@Test func aKeyOfAnotherCertificateIsNamed() {
    let server = TestServer()
    server.folder.write(TestIdentity("other").keyText, to: "server.key")
    let text = refusal(of: server)
    #expect(text.hasPrefix("\(server.configuration.keyPath): the key does not fit"))
    #expect(text.contains(server.configuration.certificatePath))
    #expect(text.contains("key values mismatch"))
}

@Test func filesThatAreNoPEMAreNamed() {
    let server = TestServer()
    server.folder.write("hello", to: "server.crt")
    let certificate = refusal(of: server)
    #expect(
        certificate
            == "\(server.configuration.certificatePath): holds no certificate in PEM form "
            + "(OpenSSL: no start line)")
    let other = TestServer()
    other.folder.write("", to: "server.key")
    let key = refusal(of: other)
    #expect(key.hasPrefix("\(other.configuration.keyPath): holds no private key in PEM form"))
}

@Test func aDamagedCertificateOfTheChainIsNamed() {
    let server = TestServer()
    let identity = TestIdentity("server")
    let link = TestIdentity("link", isAuthority: true).certificateText
    server.folder.write(
        identity.certificateText + link.replacing("MII", with: "!!!"), to: "server.crt")
    server.folder.write(identity.keyText, to: "server.key")
    #expect(refusal(of: server).contains("server.crt: certificate 2 is damaged"))
}

@Test func aKeyWithAPassphraseIsNotAskedFor() {
    let server = TestServer()
    let identity = TestIdentity("server")
    server.folder.write(identity.certificateText, to: "server.crt")
    server.folder.write(identity.encryptedKeyText, to: "server.key")
    #expect(refusal(of: server).contains("server.key: the key has a passphrase"))
}

@Test func clientCertificatesNeedAnAuthority() {
    for authentication in [TLSConfiguration.ClientAuthentication.optional, .required] {
        let server = TestServer(authentication)
        server.configuration.clientCAPath = nil
        #expect(refusal(of: server).contains("no client CA file"))
        server.configuration.clientCAPath = "/nowhere/ca.crt"
        #expect(refusal(of: server) == "/nowhere/ca.crt: No such file or directory")
    }
}

@Test func theChainIsSent() throws {
    let root = TestIdentity("Root", isAuthority: true)
    let link = TestIdentity("Link", issuer: root, isAuthority: true)
    let identity = TestIdentity("server", issuer: link)
    let server = TestServer()
    server.folder.write(identity.certificateText + link.certificateText, to: "server.crt")
    server.folder.write(identity.keyText, to: "server.key")
    var offer = ClientOffer()
    offer.trusts = root
    #expect(try TestPair(server, offer).run().talks())
    server.folder.write(identity.certificateText, to: "server.crt")
    let alone = try TestPair(server, offer).run()
    #expect(alone.client.failure == SSL_R_CERTIFICATE_VERIFY_FAILED)
}

// MARK: Client certificates

private func offer(
    _ identity: TestIdentity?, _ newest: Int32, chain: [TestIdentity] = []
) -> ClientOffer {
    ClientOffer(newest: newest, identity: identity, chain: chain)
}

@Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
func aGoodClientCertificateGivesItsSubject(version: Int32) throws {
    for authentication in [TLSConfiguration.ClientAuthentication.optional, .required] {
        let server = TestServer(authentication)
        let robot = TestIdentity("robot", issuer: server.authority)
        let pair = try TestPair(server, offer(robot, version)).run()
        #expect(pair.session.clientSubject == "CN=robot,O=Martlet")
        #expect(pair.talks())
        let link = TestIdentity("link", issuer: server.authority, isAuthority: true)
        let leaf = TestIdentity("leaf", issuer: link)
        let chained = try TestPair(server, offer(leaf, version, chain: [link])).run()
        #expect(chained.session.clientSubject == "CN=leaf,O=Martlet")
    }
}

@Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
func aMissingClientCertificateIsRefusedWhenRequired(version: Int32) throws {
    let required = try TestPair(TestServer(.required), offer(nil, version)).run()
    #expect(required.outcome == .failed(.clientCertificateMissing))
    #expect(required.client.failure != nil)
    #expect(required.session.clientSubject == nil)
    let optional = try TestPair(TestServer(.optional), offer(nil, version)).run()
    #expect(optional.session.clientSubject == nil)
    #expect(optional.talks())
}

@Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
func badClientCertificatesAreRefusedByName(version: Int32) throws {
    for authentication in [TLSConfiguration.ClientAuthentication.optional, .required] {
        let server = TestServer(authentication)
        let stranger = TestIdentity("Authority", isAuthority: true)
        let leafAsAuthority = TestIdentity("leaf", issuer: server.authority)
        let cases: [(TestIdentity, TLSFailure)] = [
            (TestIdentity("robot", issuer: stranger), .clientCertificateUntrusted),
            (TestIdentity("robot"), .clientCertificateUntrusted),
            (
                TestIdentity("robot", issuer: server.authority, days: -1),
                .clientCertificateExpired
            ),
        ]
        for (identity, failure) in cases {
            let pair = try TestPair(server, offer(identity, version)).run()
            #expect(pair.outcome == .failed(failure))
            #expect(pair.session.clientSubject == nil)
            #expect(!pair.session.isHandshakeComplete)
            #expect(pair.client.failure != nil)
        }
        // A certificate that may not sign others did.
        let forged = TestIdentity("robot", issuer: leafAsAuthority)
        let pair = try TestPair(server, offer(forged, version, chain: [leafAsAuthority])).run()
        guard case .failed(let failure) = pair.outcome else {
            Issue.record("a leaf signed for another")
            continue
        }
        #expect(failure.description.hasPrefix("client certificate"))
    }
}

@Test func aCertificateNobodyAskedForIsNotSent() throws {
    let server = TestServer()
    let robot = TestIdentity("robot", issuer: server.authority)
    let pair = try TestPair(server, ClientOffer(identity: robot)).run()
    #expect(pair.session.clientSubject == nil)
    #expect(pair.talks())
}
