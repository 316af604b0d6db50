import COpenSSL
import Primitives
import TLS
import Testing

@Test func bigUploadsArriveWhole() throws {
    for offer in ClientOffer.both {
        let pair = try TestPair(TestServer(), offer).run()
        var random = TestRandom(state: 1)
        let body = random.bytes(3 << 20)
        pair.client.write(body)
        pair.piece = { _ in Int.random(in: 1...70_000) }
        pair.run()
        #expect(pair.plaintext == body)
    }
}

@Test func uploadsAreReadNoFasterThanAsked() throws {
    let pair = try TestPair(TestServer()).run()
    let body = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
    pair.client.write(body)
    var ciphertext = ByteBuffer()
    ciphertext.append(pair.client.takeOutput())
    var got: [UInt8] = []
    while true {
        var plaintext = ByteBuffer()
        let outcome = pair.session.read(from: &ciphertext, into: &plaintext, atMost: 1_000)
        let count = plaintext.count
        #expect(count <= 1_000)
        got += bytes(of: plaintext)
        if outcome != .progress {
            #expect(outcome == .needMore)
            break
        }
        // A record is taken from the front when all before it was read, not before.
        let waiting = ciphertext.count
        #expect(waiting >= body.count - got.count - (17 << 10))
    }
    #expect(got == body)
    let left = ciphertext.count
    #expect(left == 0)
}

@Test func bigDownloadsStopAtTheBoundAndArriveWhole() throws {
    for offer in ClientOffer.both {
        let pair = try TestPair(TestServer(), offer).run()
        let body = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        var plaintext = ByteBuffer()
        plaintext.append(body)
        var steps = 0
        while true {
            var ciphertext = ByteBuffer()
            let outcome = pair.session.write(&plaintext, into: &ciphertext, upTo: 64 << 10)
            let count = ciphertext.count
            #expect(count <= (64 << 10) + (17 << 10))
            pair.client.feed(bytes(of: ciphertext))
            pair.client.step()
            steps += 1
            if outcome != .progress {
                #expect(outcome == .needMore)
                break
            }
        }
        let left = plaintext.count
        #expect(left == 0)
        #expect(steps > 30)
        #expect(pair.client.received == body)
    }
}

@Test func keptCiphertextIsBounded() throws {
    let pair = try TestPair(TestServer()).run()
    var plaintext = ByteBuffer()
    plaintext.append([UInt8](repeating: 5, count: 1 << 20))
    #expect(pair.session.write(&plaintext) == .progress)
    let left = plaintext.count
    let output = pair.takeOutput()
    #expect(left > 900_000)
    #expect(output.count <= Limits.standard.tlsOutputBytesMax + (17 << 10))
    pair.client.feed(output)
    pair.client.step()
    #expect(pair.client.received.count == (1 << 20) - left)
}

@Test func noMoreIsReceivedThanTheLimit() throws {
    let pair = try TestPair(TestServer()).run()
    pair.client.write([UInt8](repeating: 1, count: 200_000))
    let sent = pair.client.takeOutput()
    #expect(pair.session.receive(sent.span) == Limits.standard.tlsInputBytesMax)
    #expect(pair.session.receive(sent.span) == 0)
    pair.read()
    #expect(pair.session.receive(sent.span) > 0)
}

@Test func bytesReceivedBeforeComeBeforeABuffer() throws {
    let pair = try TestPair(TestServer()).run()
    pair.client.write(Array("one two".utf8))
    let sent = pair.client.takeOutput()
    #expect(pair.session.receive(sent.span.extracting(first: 9)) == 9)
    var rest = ByteBuffer()
    rest.append(Array(sent[9...]))
    var plaintext = ByteBuffer()
    let outcome = pair.session.read(from: &rest, into: &plaintext, atMost: 100)
    #expect(outcome == .needMore)
    let text = plaintext.text
    #expect(text == "one two")
}

@Test func answersBeforeTheHandshakeAreKeptByTheCaller() throws {
    let pair = try TestPair(TestServer())
    var plaintext = ByteBuffer()
    plaintext.append("early")
    var ciphertext = ByteBuffer()
    #expect(pair.session.write(&plaintext, into: &ciphertext, upTo: 1_000) == .needMore)
    #expect(pair.session.write(&plaintext) == .needMore)
    let kept = plaintext.count
    let sent = ciphertext.count
    #expect(kept == 5)
    #expect(sent == 0)
    pair.run()
    #expect(pair.session.write(&plaintext) == .needMore)
    pair.run()
    #expect(pair.client.received == Array("early".utf8))
}

@Test func randomTrafficInRandomPiecesArrivesInOrder() throws {
    let context = try TestServer().context()
    for seed in 0..<60 {
        var random = TestRandom(state: UInt64(seed))
        let pair = TestPair(context, ClientOffer.both[seed % 2])
        var sizes = random
        let largest = [1, 7, 100, 5_000, 100_000][seed % 5]
        pair.piece = { _ in Int.random(in: 1...largest, using: &sizes) }
        pair.run()
        var up: [UInt8] = []
        var down: [UInt8] = []
        for _ in 0..<8 {
            let question = random.bytes(Int.random(in: 1...9_000, using: &random))
            pair.client.write(question)
            up += question
            let answer = random.bytes(Int.random(in: 1...40_000, using: &random))
            down += answer
            var plaintext = ByteBuffer()
            plaintext.append(answer)
            while !plaintext.isEmpty {
                var ciphertext = ByteBuffer()
                let bound = Int.random(in: 1...50_000, using: &random)
                _ = pair.session.write(&plaintext, into: &ciphertext, upTo: bound)
                pair.client.feed(bytes(of: ciphertext))
            }
            pair.run()
        }
        #expect(pair.plaintext == up, "seed \(seed)")
        #expect(pair.client.received == down, "seed \(seed)")
    }
}

@Test func closeNotifyOfThePeerIsTold() throws {
    for offer in ClientOffer.both {
        let pair = try TestPair(TestServer(), offer).run()
        pair.client.write(Array("last".utf8))
        pair.client.close()
        pair.feed(pair.client.takeOutput())
        #expect(pair.outcome == .closedByPeer)
        #expect(pair.plaintext == Array("last".utf8))
        // What is in flight is still answered (RFC 8446 6.1).
        pair.answer("reply")
        #expect(pair.client.received == Array("reply".utf8))
        pair.session.receiveEnd()
        pair.read()
        #expect(pair.outcome == .closedByPeer)
    }
}

@Test func ourCloseNotifyArrivesAndEndsWriting() throws {
    for offer in ClientOffer.both {
        let pair = try TestPair(TestServer(), offer).run()
        pair.session.close()
        pair.session.close()
        pair.client.feed(pair.takeOutput())
        pair.client.step()
        #expect(pair.client.isClosedByPeer)
        var plaintext = ByteBuffer()
        plaintext.append("too late")
        #expect(pair.session.write(&plaintext) == .needMore)
        #expect(!pair.session.hasOutput)
        // The other direction still works.
        pair.client.write(Array("bye".utf8))
        pair.feed(pair.client.takeOutput())
        #expect(pair.plaintext == Array("bye".utf8))
    }
}

@Test func closingBeforeTheHandshakeSaysNothing() throws {
    let pair = try TestPair(TestServer())
    pair.session.close()
    #expect(!pair.session.hasOutput)
    pair.run()
    #expect(pair.session.isHandshakeComplete)
}

@Test func anEndWithoutCloseNotifyIsATruncation() throws {
    for offer in ClientOffer.both {
        let pair = try TestPair(TestServer(), offer).run()
        pair.client.write([UInt8](repeating: 3, count: 20_000))
        let sent = pair.client.takeOutput()
        pair.feed(Array(sent.dropLast(10)))
        #expect(pair.outcome == .needMore)
        pair.session.receiveEnd()
        pair.read()
        #expect(pair.outcome == .failed(.truncated))
        #expect(pair.plaintext.count == 16 << 10)
    }
    let early = try TestPair(TestServer())
    early.session.receiveEnd()
    early.read()
    #expect(early.outcome == .failed(.truncated))
}

@Test func aDamagedRecordIsFatalAndTheAlertGoesOut() throws {
    for offer in ClientOffer.both {
        let pair = try TestPair(TestServer(), offer).run()
        pair.client.write(Array("good".utf8))
        pair.client.write(Array("bad".utf8))
        var sent = pair.client.takeOutput()
        sent[sent.count - 1] ^= 1
        pair.feed(sent)
        #expect(pair.outcome == .failed(.badRecord))
        #expect(pair.plaintext == Array("good".utf8))
        pair.client.feed(pair.takeOutput())
        pair.client.step()
        #expect(pair.client.failure == SSL_R_SSLV3_ALERT_BAD_RECORD_MAC)
        var plaintext = ByteBuffer()
        plaintext.append("x")
        #expect(pair.session.write(&plaintext) == .failed(.badRecord))
        pair.session.close()
        #expect(!pair.session.hasOutput)
    }
}

@Test func alertsOfTheClientAreNamed() throws {
    // It trusts somebody else.
    let stranger = TestIdentity("Stranger", isAuthority: true)
    var offer = ClientOffer()
    offer.trusts = stranger
    let pair = try TestPair(TestServer(), offer).run()
    #expect(pair.outcome == .failed(.alert(48)))
    #expect(TLSFailure.alert(48).description == "peer sent alert: unknown CA")
}

@Test func keyUpdatesThatAreNotDrainedDoNotPileUp() throws {
    var limits = Limits.standard
    limits.tlsOutputBytesMax = 1_000
    let context = try TestServer().context()
    let pair = TestPair(context, .tls13, limits: limits).run()
    var ciphertext = ByteBuffer()
    for _ in 0..<500 {
        SSL_key_update(pair.client.ssl, SSL_KEY_UPDATE_REQUESTED)
        pair.client.write([1])
        ciphertext.append(pair.client.takeOutput())
    }
    var plaintext = ByteBuffer()
    var stops = 0
    while true {
        let outcome = pair.session.read(from: &ciphertext, into: &plaintext, atMost: 100_000)
        let output = pair.takeOutput()
        #expect(output.count <= 1_100)
        pair.client.feed(output)
        pair.client.step()
        if outcome != .outputFull {
            #expect(outcome == .needMore)
            break
        }
        stops += 1
    }
    #expect(stops > 1)
    let count = plaintext.count
    #expect(count == 500)
    #expect(pair.talks())
}

@Test func aBufferWithoutRoomGrowsOnlyForWhatComes() throws {
    let pair = try TestPair(TestServer()).run()
    pair.client.write([UInt8](repeating: 9, count: 5_000))
    var ciphertext = ByteBuffer()
    ciphertext.append(pair.client.takeOutput())
    var plaintext = ByteBuffer()
    #expect(pair.session.read(from: &ciphertext, into: &plaintext, atMost: 1 << 20) == .needMore)
    let capacity = plaintext.capacity
    let count = plaintext.count
    #expect(count == 5_000)
    #expect(capacity <= 10_000)
    // Nothing came: not even a first allocation.
    var empty = ByteBuffer()
    #expect(pair.session.read(into: &empty, atMost: 1 << 20) == .needMore)
    let untouched = empty.capacity
    #expect(untouched == 0)
}
