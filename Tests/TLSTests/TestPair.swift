import Primitives
import TLS

/// A client and a session of ours, connected by memory.
final class TestPair {
    let client: TestClient
    let session: TLSSession
    /// What the session decrypted.
    var plaintext: [UInt8] = []
    var outcome = TLSOutcome.needMore
    /// Sizes of the pieces the client's bytes come in, asked with what is left; all by default.
    var piece: (Int) -> Int = { $0 }
    /// Bytes the client sent, in all.
    var clientBytes = 0

    init(
        _ context: TLSContext, _ offer: ClientOffer = ClientOffer(), resuming: TestTicket? = nil,
        limits: Limits = .standard
    ) {
        client = TestClient(offer, resuming: resuming)
        session = TLSSession(context: context, limits: limits)
    }

    convenience init(_ server: TestServer, _ offer: ClientOffer = ClientOffer()) throws {
        self.init(try server.context(), offer)
    }

    /// Goes on until neither end has anything to say.
    @discardableResult func run() -> Self {
        while true {
            client.step()
            let sent = client.takeOutput()
            feed(sent)
            let answer = takeOutput()
            client.feed(answer)
            if sent.isEmpty && answer.isEmpty { return self }
        }
    }

    /// Gives bytes to the session, in pieces, and reads after each.
    func feed(_ bytes: [UInt8]) {
        var index = 0
        while index < bytes.count {
            let count = max(1, min(bytes.count - index, piece(bytes.count - index)))
            var left = Array(bytes[index..<index + count])
            while !left.isEmpty {
                let taken = session.receive(left.span)
                left.removeFirst(taken)
                read()
            }
            index += count
            clientBytes += count
        }
    }

    func read(atMost: Int = 1 << 20) {
        repeat {
            var buffer = ByteBuffer()
            outcome = session.read(into: &buffer, atMost: atMost)
            plaintext += bytes(of: buffer)
        } while outcome == .progress
    }

    func takeOutput() -> [UInt8] {
        var ciphertext = ByteBuffer()
        session.drain(into: &ciphertext)
        return bytes(of: ciphertext)
    }

    /// Encrypts a text and brings it to the client.
    func answer(_ text: String) {
        var buffer = ByteBuffer()
        buffer.append(text)
        var ciphertext = ByteBuffer()
        _ = session.write(&buffer, into: &ciphertext, upTo: 1 << 20)
        client.feed(bytes(of: ciphertext))
        client.step()
    }

    /// A word each way arrives.
    func talks() -> Bool {
        plaintext = []
        client.received = []
        client.write(Array("question".utf8))
        run()
        answer("answer")
        return plaintext == Array("question".utf8) && client.received == Array("answer".utf8)
    }
}

func bytes(of buffer: borrowing ByteBuffer) -> [UInt8] {
    let span = buffer.span
    return span.withUnsafeBufferPointer { Array($0) }
}

/// SplitMix64, so that a failing property names its seed.
struct TestRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }
}
