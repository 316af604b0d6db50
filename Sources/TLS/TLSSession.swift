import COpenSSL
import Primitives

/// One end of a TLS connection, from bytes to bytes: `receive` ciphertext, `read` plaintext, `write`
/// plaintext, `drain` ciphertext. The server's end, or with a `TLSClientContext` the client's, whose
/// first `read`, of nothing, makes the hello to drain.
///
/// It touches no socket, and its owner is one thread. After every call but `receive`, what there is
/// to `drain` must be sent: the handshake, alerts and key updates answer while reading. Its own
/// memory is bounded by `Limits.tls…`; an idle session past its handshake keeps none but OpenSSL's
/// state (about 10 KiB).
public final class TLSSession {
    enum Phase: Equatable {
        case handshake
        case open
        case closedByPeer
        case failed(TLSFailure)
    }

    let ssl: OpaquePointer
    private let wire: UnsafeMutablePointer<TLSWire>
    /// Holds the ticket keys OpenSSL refers to.
    private let context: AnyObject
    private let inputBytesMax: Int
    private(set) var phase = Phase.handshake
    private var isCloseSent = false
    /// Stays true when the session ends.
    public private(set) var isHandshakeComplete = false

    /// The longest plaintext of a record (RFC 8446 5.1).
    private static let recordBytesMax = 16 << 10
    /// What a record adds at most: header, explicit nonce and tag of TLS 1.2.
    private static let recordOverhead = 29

    public convenience init(context: TLSContext, limits: Limits = .standard) {
        self.init(of: context.pointer, keeping: context, limits)
        SSL_set_accept_state(ssl)
    }

    /// A session of neither role yet.
    init(of pointer: OpaquePointer, keeping context: AnyObject, _ limits: Limits) {
        self.context = context
        inputBytesMax = limits.tlsInputBytesMax
        wire = .allocate(capacity: 1)
        wire.initialize(to: TLSWire(outgoingBytesMax: limits.tlsOutputBytesMax))
        guard let ssl = SSL_new(pointer) else {
            preconditionFailure("memory for a session is there")
        }
        self.ssl = ssl
        let bio = TLSWire.makeBIO(wire)
        SSL_set_bio(ssl, bio, bio)
    }

    deinit {
        // OpenSSL forgets the session of a connection that ends without close_notify, as SSL 3 asked;
        // since TLS 1.1 (RFC 4346 7.2.1) it may be resumed. After a failure it is forgotten.
        if phase == .open || phase == .closedByPeer {
            SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
        }
        SSL_free(ssl)
        wire.deinitialize(count: 1)
        wire.deallocate()
    }

    /// Whether there is something to drain.
    public var hasOutput: Bool { !wire.pointee.outgoing.isEmpty }

    // MARK: In

    /// Keeps ciphertext for `read` and returns how many bytes of it were taken: fewer than all when
    /// `Limits.tlsInputBytesMax` are waiting already. `read(from:into:atMost:)` spares the copy.
    public func receive(_ ciphertext: Span<UInt8>) -> Int {
        let room = max(0, inputBytesMax - wire.pointee.incoming.count)
        let taken = min(room, ciphertext.count)
        wire.pointee.incoming.append(ciphertext.extracting(first: taken))
        return taken
    }

    /// The peer sent FIN, and the session was given all that came before. Without close_notify among
    /// it, `read` comes to `.failed(.truncated)`.
    public func receiveEnd() { wire.pointee.hasEnded = true }

    /// Goes on with the handshake, and appends up to `byteCountMax` bytes of plaintext. Whatever the
    /// outcome, `plaintext` may have grown. Call again while it is `.progress`: the poller does not
    /// know of bytes that wait in here.
    public func read(
        into plaintext: inout ByteBuffer, atMost byteCountMax: Int
    ) -> TLSOutcome {
        let outcome = step(into: &plaintext, atMost: byteCountMax)
        releaseIdleMemory()
        return outcome
    }

    /// The same, straight from the buffer the socket was read into: takes ciphertext off its front,
    /// all of it unless the outcome is `.progress` or `.outputFull`.
    public func read(
        from ciphertext: inout ByteBuffer, into plaintext: inout ByteBuffer,
        atMost byteCountMax: Int
    ) -> TLSOutcome {
        guard wire.pointee.incoming.isEmpty else {
            // What was received before comes first.
            let outcome = read(into: &plaintext, atMost: byteCountMax)
            guard outcome == .needMore, !ciphertext.isEmpty else { return outcome }
            return read(from: &ciphertext, into: &plaintext, atMost: byteCountMax)
        }
        swap(&wire.pointee.incoming, &ciphertext)
        let outcome = step(into: &plaintext, atMost: byteCountMax)
        swap(&wire.pointee.incoming, &ciphertext)
        releaseIdleMemory()
        return outcome
    }

    private func step(into plaintext: inout ByteBuffer, atMost byteCountMax: Int) -> TLSOutcome {
        precondition(byteCountMax > 0, "room for at least a byte is given")
        switch phase {
        case .handshake:
            let outcome = shakeHands()
            guard phase == .open else { return outcome }
        case .open: break
        case .closedByPeer: return .closedByPeer
        case .failed(let failure): return .failed(failure)
        }
        return decrypt(into: &plaintext, atMost: byteCountMax)
    }

    private func shakeHands() -> TLSOutcome {
        ERR_clear_error()
        let status = SSL_do_handshake(ssl)
        if status == 1 {
            phase = .open
            isHandshakeComplete = true
            return .progress
        }
        return outcome(after: status)
    }

    private func decrypt(into plaintext: inout ByteBuffer, atMost byteCountMax: Int) -> TLSOutcome {
        var left = byteCountMax
        while left > 0 {
            let pending = Int(SSL_pending(ssl))
            if pending == 0, wire.pointee.incoming.isEmpty, !wire.pointee.hasEnded {
                return .needMore
            }
            var status: Int32 = 0
            // Growth only for what is known to come; the rest is what the buffer has free.
            let got = plaintext.write(atLeast: min(left, max(pending, 1))) { free in
                var count = 0
                ERR_clear_error()
                status = SSL_read_ex(ssl, free.baseAddress, min(free.count, left), &count)
                return status == 1 ? count : 0
            }
            guard status == 1 else { return outcome(after: status) }
            left -= got
        }
        return .progress
    }

    // MARK: Out

    /// Encrypts from the front of `plaintext` into `ciphertext`, a record at a time, until all is
    /// consumed (`.needMore`) or `ciphertext` holds `byteCountMax` bytes or more (`.progress`; past
    /// it by one record at most). What was to be drained goes before it.
    ///
    /// During the handshake `plaintext` is left as it is (`.needMore`), and after `close` too.
    public func write(
        _ plaintext: inout ByteBuffer, into ciphertext: inout ByteBuffer,
        upTo byteCountMax: Int
    ) -> TLSOutcome {
        drain(into: &ciphertext)
        swap(&wire.pointee.outgoing, &ciphertext)
        let outcome = encrypt(&plaintext, upTo: byteCountMax)
        swap(&wire.pointee.outgoing, &ciphertext)
        return outcome
    }

    /// The same, kept for `drain`, up to `Limits.tlsOutputBytesMax`. Costs a copy more.
    public func write(_ plaintext: inout ByteBuffer) -> TLSOutcome {
        encrypt(&plaintext, upTo: wire.pointee.outgoingBytesMax)
    }

    private func encrypt(_ plaintext: inout ByteBuffer, upTo byteCountMax: Int) -> TLSOutcome {
        switch phase {
        case .handshake: return .needMore
        case .failed(let failure): return .failed(failure)
        case .open, .closedByPeer: if isCloseSent { return .needMore }
        }
        let room = min(plaintext.count, max(0, byteCountMax - wire.pointee.outgoing.count))
        wire.pointee.outgoing.reserve(
            room + (room / Self.recordBytesMax + 1) * Self.recordOverhead)
        while !plaintext.isEmpty {
            guard wire.pointee.outgoing.count < byteCountMax else { return .progress }
            var written = 0
            let status = plaintext.span.withUnsafeBufferPointer { bytes in
                ERR_clear_error()
                return SSL_write_ex(
                    ssl, bytes.baseAddress, min(bytes.count, Self.recordBytesMax), &written)
            }
            guard status == 1 else { return outcome(after: status) }
            plaintext.consume(written)
        }
        return .needMore
    }

    /// Appends what is to be sent.
    public func drain(into ciphertext: inout ByteBuffer) {
        guard hasOutput else { return }
        ciphertext.append(contentsOf: wire.pointee.outgoing)
        wire.pointee.outgoing.removeAll()
        releaseIdleMemory()
    }

    /// Says close_notify (RFC 8446 6.1), to be drained; nothing can be written after it. Reading
    /// goes on. Before the end of the handshake and after a failure it does nothing: there the
    /// connection is just closed.
    public func close() {
        switch phase {
        case .handshake, .failed: return
        case .open, .closedByPeer: break
        }
        guard !isCloseSent else { return }
        isCloseSent = true
        ERR_clear_error()
        SSL_shutdown(ssl)
        ERR_clear_error()
    }

    // MARK: Both

    private func outcome(after status: Int32) -> TLSOutcome {
        switch SSL_get_error(ssl, status) {
        case SSL_ERROR_WANT_READ: return wire.pointee.isFull ? .outputFull : .needMore
        case SSL_ERROR_ZERO_RETURN:
            phase = .closedByPeer
            return .closedByPeer
        default:
            let failure = TLSFailure.takeError(
                verification: SSL_get_verify_result(ssl), isServer: SSL_is_server(ssl) == 1)
            phase = .failed(failure)
            return .failed(failure)
        }
    }

    /// Past the handshake most sessions are fed and drained through the caller's buffers.
    private func releaseIdleMemory() {
        guard phase != .handshake else { return }
        if wire.pointee.incoming.isEmpty { wire.pointee.incoming.release() }
        if wire.pointee.outgoing.isEmpty { wire.pointee.outgoing.release() }
    }
}
