import IO
import Primitives
import TLS

/// A blocking connection to a server, over TLS where it speaks that: bytes of requests out, bytes of answers
/// in. One thread's.
final class ManagementWire {
    private let socket: ClientSocket
    private let tls: TLSSession?
    private var cipherInput = ByteBuffer()
    private var cipherOutput = ByteBuffer()
    private static let recordsBytesMax = 256 << 10

    /// Shakes hands, where there is TLS; `name` is what the server's certificate must be for.
    init(_ socket: consuming ClientSocket, _ context: TLSClientContext?, name: String)
        throws(ManagementClient.Failure)
    {
        self.socket = socket
        tls = context.map { TLSSession(client: $0, serverName: name) }
        guard let tls else { return }
        var early = ByteBuffer()
        while !tls.isHandshakeComplete {
            guard try step(tls, into: &early) else {
                throw ManagementClient.Failure(
                    message: "the server closed the connection in the TLS handshake")
            }
        }
    }

    /// Sends all of the bytes.
    func send(_ bytes: Span<UInt8>) throws(ManagementClient.Failure) {
        guard let tls else { return try sendPlain(bytes) }
        var plain = ByteBuffer(capacity: bytes.count)
        plain.append(bytes)
        while !plain.isEmpty {
            let outcome = tls.write(&plain, into: &cipherOutput, upTo: Self.recordsBytesMax)
            if case .failed(let failure) = outcome {
                throw ManagementClient.Failure(message: failure.description)
            }
            try flush()
        }
    }

    /// Waits for bytes and appends them to `buffer`; false when the server sends no more. Over TLS what
    /// came may have been no data of ours: then nothing is appended.
    func receive(into buffer: inout ByteBuffer) throws(ManagementClient.Failure) -> Bool {
        if let tls { return try step(tls, into: &buffer) }
        do throws(SystemError) {
            return try socket.receive(into: &buffer)
        } catch {
            throw ManagementClient.Failure(message: error.description)
        }
    }

    /// Whether something can be received within this time.
    func isReadable(withinMilliseconds milliseconds: Int32) -> Bool {
        socket.isReadable(withinMilliseconds: milliseconds)
    }

    /// Sends what TLS has to say, receives once and decrypts it all. False at the server's end.
    private func step(
        _ tls: TLSSession, into buffer: inout ByteBuffer
    ) throws(ManagementClient.Failure) -> Bool {
        let before = buffer.count
        // The first one makes the hello.
        guard try decrypt(tls, into: &buffer) else { return false }
        if buffer.count > before { return true }
        do throws(SystemError) {
            if try !socket.receive(into: &cipherInput) { tls.receiveEnd() }
        } catch {
            throw ManagementClient.Failure(message: error.description)
        }
        return try decrypt(tls, into: &buffer)
    }

    private func decrypt(
        _ tls: TLSSession, into buffer: inout ByteBuffer
    ) throws(ManagementClient.Failure) -> Bool {
        while true {
            let outcome = tls.read(
                from: &cipherInput, into: &buffer, atMost: Self.recordsBytesMax)
            tls.drain(into: &cipherOutput)
            try flush()
            switch outcome {
            case .progress, .outputFull: continue
            case .needMore: return true
            // Where the answer ends HTTP says: servers that just close are no failure.
            case .closedByPeer, .failed(.truncated): return false
            case .failed(let failure):
                throw ManagementClient.Failure(message: failure.description)
            }
        }
    }

    private func flush() throws(ManagementClient.Failure) {
        guard !cipherOutput.isEmpty else { return }
        var bytes = ByteBuffer()
        swap(&bytes, &cipherOutput)
        try sendPlain(bytes.span)
        bytes.removeAll()
        swap(&bytes, &cipherOutput)
    }

    private func sendPlain(_ bytes: Span<UInt8>) throws(ManagementClient.Failure) {
        do throws(SystemError) {
            try socket.send(bytes)
        } catch {
            throw ManagementClient.Failure(message: error.description)
        }
    }
}
