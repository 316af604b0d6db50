import HTTP
import IO
import Primitives
import TLS

/// A connected socket and, over it, perhaps TLS: plaintext in `input`, plaintext out from `output`.
final class LoadWire {
    enum Outcome: Equatable {
        case progress
        case wouldBlock
        /// The server said it sends no more.
        case ended
        case failed(Int32)
        case failedTLS(TLSFailure)
    }

    private static let readBytes = 4 << 10
    private static let recordsBytesMax = 256 << 10

    let descriptor: Int32
    private let tls: TLSSession?
    var input = ByteBuffer()
    var output = ByteBuffer()
    private var cipherInput = ByteBuffer()
    private var cipherOutput = ByteBuffer()
    /// Since the last look, on the wire.
    private(set) var bytesRead = 0
    private(set) var bytesWritten = 0

    init(_ descriptor: Int32, _ configuration: LoadConfiguration) {
        self.descriptor = descriptor
        tls = configuration.tls.map {
            TLSSession(
                client: $0, serverName: configuration.target.host, limits: configuration.limits)
        }
        // Makes the hello that the first flush sends.
        if let tls { _ = tls.read(from: &cipherInput, into: &input, atMost: Self.readBytes) }
    }

    deinit { Socket.close(descriptor) }

    /// Whether requests may be sent.
    var isOpen: Bool { tls.map(\.isHandshakeComplete) ?? true }

    /// Whether the server took up HTTP/2; over TCP the client just speaks it.
    var speaksHTTP2: Bool { tls.map { $0.negotiatedProtocol == .http2 } ?? true }

    var hasOutput: Bool {
        !output.isEmpty || !cipherOutput.isEmpty || (tls.map(\.hasOutput) ?? false)
    }

    func takeByteCounts() -> (read: Int, written: Int) {
        defer {
            bytesRead = 0
            bytesWritten = 0
        }
        return (bytesRead, bytesWritten)
    }

    /// Reads once. Whatever the outcome, `input` may have grown.
    func receive() -> Outcome {
        guard let tls else {
            return outcome(Socket.read(descriptor, into: &input, atLeast: Self.readBytes))
        }
        let read = outcome(
            Socket.read(descriptor, into: &cipherInput, atLeast: Self.readBytes))
        switch read {
        case .progress: break
        case .ended: tls.receiveEnd()
        case .wouldBlock, .failed, .failedTLS: return read
        }
        return decrypt(tls)
    }

    private func decrypt(_ tls: TLSSession) -> Outcome {
        while true {
            let step = tls.read(
                from: &cipherInput, into: &input, atMost: Self.recordsBytesMax)
            switch step {
            case .progress: continue
            case .needMore: return .progress
            case .outputFull:
                let flushed = flush()
                guard flushed == .progress else { return flushed }
            case .closedByPeer: return .ended
            // Servers that just close are no failure of the handshake: HTTP says where answers end.
            case .failed(.truncated): return .ended
            case .failed(let failure): return .failedTLS(failure)
            }
        }
    }

    private func outcome(_ io: IOOutcome) -> Outcome {
        switch io {
        case .bytes(let count):
            bytesRead += count
            return .progress
        case .wouldBlock: return .wouldBlock
        case .endOfStream: return .ended
        case .failed(let code): return .failed(code)
        }
    }

    /// Sends what there is: `.progress` when all of it went out.
    func flush() -> Outcome {
        guard let tls else { return send(&output) }
        while true {
            if isOpen, !output.isEmpty {
                let step = tls.write(
                    &output, into: &cipherOutput, upTo: Self.recordsBytesMax)
                if case .failed(let failure) = step { return .failedTLS(failure) }
            } else {
                tls.drain(into: &cipherOutput)
            }
            guard !cipherOutput.isEmpty else { return .progress }
            let sent = send(&cipherOutput)
            guard sent == .progress else { return sent }
        }
    }

    private func send(_ buffer: inout ByteBuffer) -> Outcome {
        while !buffer.isEmpty {
            switch Socket.write(descriptor, from: &buffer) {
            case .bytes(let count): bytesWritten += count
            case .wouldBlock: return .wouldBlock
            case .endOfStream: return .ended
            case .failed(let code): return .failed(code)
            }
        }
        return .progress
    }
}
