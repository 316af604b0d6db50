import COpenSSL
import TLS
import Testing

@Test func clientsOfBothVersionsShakeHands() throws {
    let server = TestServer()
    for (offer, version) in [(ClientOffer.tls12, TLSVersion.tls12), (.tls13, .tls13)] {
        let pair = try TestPair(server, offer).run()
        #expect(pair.session.isHandshakeComplete)
        #expect(pair.session.version == version)
        #expect(pair.session.negotiatedProtocol == .http1)
        #expect(pair.session.clientSubject == nil)
        #expect(!pair.session.isResumed)
        #expect(pair.session.cipher.contains("GCM"))
        #expect(pair.outcome == .needMore)
        #expect(pair.talks())
    }
}

@Test func theNewestVersionIsChosen() throws {
    let pair = try TestPair(TestServer()).run()
    #expect(pair.session.version == .tls13)
    #expect(pair.session.cipher == "TLS_AES_128_GCM_SHA256")
}

@Test func oldVersionsAreRefusedWithAnAlert() throws {
    for version in [TLS1_VERSION, TLS1_1_VERSION] {
        let pair = try TestPair(TestServer(), ClientOffer(oldest: version, newest: version)).run()
        #expect(pair.outcome == .failed(.versionTooOld))
        #expect(pair.client.failure == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION)
        #expect(!pair.session.isHandshakeComplete)
    }
    #expect(TLSFailure.versionTooOld.description == "peer did not offer TLS 1.2 or newer")
}

@Test(arguments: [
    (["http/1.1", "h2"], TLSApplicationProtocol.http2),
    (["h2", "http/1.1"], .http2), (["h2"], .http2), (["spdy/3", "h2"], .http2),
    (["http/1.1"], .http1), (["h2c", "http/1.1"], .http1), ([], .http1),
])
func theServerChoosesTheProtocol(
    protocols: [String], chosen: TLSApplicationProtocol
) throws {
    for newest in [TLS1_2_VERSION, TLS1_3_VERSION] {
        let pair = try TestPair(
            TestServer(), ClientOffer(newest: newest, protocols: protocols)
        ).run()
        #expect(pair.session.negotiatedProtocol == chosen)
        #expect(pair.talks())
    }
}

@Test func clientsOfOtherProtocolsAreRefusedWithAnAlert() throws {
    let pair = try TestPair(TestServer(), ClientOffer(protocols: ["ftp", "h", "h22"])).run()
    #expect(pair.outcome == .failed(.noApplicationProtocol))
    #expect(pair.client.failure == SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL)
}

@Test func http2CanBeWithheld() throws {
    let server = TestServer()
    server.configuration.offersHTTP2 = false
    let pair = try TestPair(server, ClientOffer(protocols: ["h2", "http/1.1"])).run()
    #expect(pair.session.negotiatedProtocol == .http1)
    let only = try TestPair(server, ClientOffer(protocols: ["h2"])).run()
    #expect(only.outcome == .failed(.noApplicationProtocol))
}

@Test func ciphersWithoutForwardSecrecyOrAuthenticationAreRefused() throws {
    for ciphers in [
        "AES128-GCM-SHA256:@SECLEVEL=0", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0",
        "ECDHE-ECDSA-AES128-SHA256:@SECLEVEL=0",
    ] {
        var offer = ClientOffer.tls12
        offer.ciphers12 = ciphers
        #expect(try TestPair(TestServer(), offer).run().outcome == .failed(.noSharedCipher))
    }
}

@Test func aClientThatPutsChaCha20FirstGetsIt() throws {
    var offer = ClientOffer.tls12
    offer.ciphers12 = "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256"
    #expect(
        try TestPair(TestServer(), offer).run().session.cipher == "ECDHE-ECDSA-CHACHA20-POLY1305")
    offer.ciphers12 = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256"
    #expect(
        try TestPair(TestServer(), offer).run().session.cipher == "ECDHE-ECDSA-AES128-GCM-SHA256")
}

@Test func aClientWithoutACommonCurveIsRefused() throws {
    var offer = ClientOffer.tls13
    offer.groups = "X448"
    let pair = try TestPair(TestServer(), offer).run()
    #expect(pair.outcome == .failed(.noSharedGroup))
}

@Test func plainHTTPIsNamedAsSuch() throws {
    for request in ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST /predict HTTP/1.1\r\n\r\n"] {
        let pair = try TestPair(TestServer())
        pair.feed(Array(request.utf8))
        #expect(pair.outcome == .failed(.plainHTTP))
    }
    #expect(TLSFailure.plainHTTP.description == "plain HTTP on a TLS port")
    let pair = try TestPair(TestServer())
    pair.feed(Array("CONNECT a:443 HTTP/1.1\r\n\r\n".utf8))
    #expect(pair.outcome == .failed(.plainHTTP))
}

@Test func garbageFailsAtOnceAndForGood() throws {
    let context = try TestServer().context()
    for seed in 0..<500 {
        var random = TestRandom(state: UInt64(seed))
        let pair = TestPair(context)
        pair.feed(random.bytes(64))
        guard case .failed(let failure) = pair.outcome else {
            // Five bytes in 2^24 look like a record's header; more bytes must not help them.
            continue
        }
        #expect(!failure.description.isEmpty)
        let output = pair.takeOutput().count
        #expect(output <= 64)
        pair.read()
        #expect(pair.outcome == .failed(failure))
        #expect(pair.takeOutput().isEmpty)
    }
}

@Test func damagedHellosNeverShakeHands() throws {
    let context = try TestServer().context()
    let client = TestClient()
    client.step()
    let hello = client.takeOutput()
    for index in hello.indices {
        for bit in [UInt8(1), 0x80] {
            var damaged = hello
            damaged[index] ^= bit
            let pair = TestPair(context)
            pair.feed(damaged)
            pair.read()
            #expect(!pair.session.isHandshakeComplete)
        }
    }
}

@Test func everySplitOfTheHandshakeIsTheSame() throws {
    let context = try TestServer().context()
    for offer in [ClientOffer.tls12, .tls13] {
        var split = 1
        while true {
            let pair = TestPair(context, offer)
            // One piece ends at `split`, over all the client sends.
            pair.piece = { [unowned pair] left in
                pair.clientBytes < split ? min(left, split - pair.clientBytes) : left
            }
            pair.run()
            #expect(pair.session.isHandshakeComplete, "split at \(split)")
            if pair.clientBytes <= split { break }
            if split % 16 == 0 { #expect(pair.talks(), "split at \(split)") }
            split += 1
        }
        #expect(split > 200)
    }
}

@Test func singleBytesAreEnough() throws {
    for offer in [ClientOffer.tls12, .tls13] {
        let pair = try TestPair(TestServer(), offer)
        pair.piece = { _ in 1 }
        pair.run()
        #expect(pair.session.isHandshakeComplete)
        #expect(pair.talks())
    }
}

@Test func earlyDataIsNotOffered() throws {
    let pair = try TestPair(TestServer(), .tls13).run()
    #expect(pair.client.ticket.earlyDataMax == 0)
}

@Test func renegotiationIsNotDone() throws {
    let pair = try TestPair(TestServer(), .tls12).run()
    SSL_renegotiate(pair.client.ssl)
    pair.run()
    // The client gives up on our warning; a new handshake never happened.
    #expect(pair.client.failure == SSL_R_NO_RENEGOTIATION)
}
