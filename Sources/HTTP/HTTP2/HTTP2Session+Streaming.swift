import CNghttp2
import Primitives

extension HTTP2Stream {
    /// Whether body bytes are kept for the caller to fetch. They are not given back to the client's
    /// window until then: that is what holds it back.
    var takesPieces: Bool {
        switch delivery {
        case .gathered: false
        case .offered: phase == .receiving
        case .streamed: phase == .reported
        }
    }
}

/// Requests whose bodies are handed on as they come, under the client's flow control (RFC 9113 section
/// 5.2): it sends as fast as the caller takes.
extension HTTP2Session {
    /// What `takeBody` came to.
    public enum Pieces: Sendable, Equatable {
        /// More may come.
        case more
        /// That was the last.
        case end
        /// The body is larger than it may be: answer with the refusal's status.
        case refused(HTTPRefusal)
        /// The stream is gone, or answered.
        case gone
    }

    /// A PUT whose head has come and whose body has not, all of it: its head goes to `head`, its bytes to
    /// `bytes` (copied). Then call `gather` or `stream`, or answer with `respond`: the body is thrown
    /// away then. It counts as handed out, so the body's time limit is the caller's.
    public func nextOffer(_ head: inout RequestHead, _ bytes: inout ByteBuffer) -> Int32? {
        while let number = offers.popFirst() {
            guard let stream = find(number), stream.phase == .receiving,
                stream.delivery == .offered
            else { continue }
            stream.phase = .reported
            incompleteCount -= 1
            outstandingCount += 1
            // The head is the caller's now; pieces of the body count until they are taken.
            count(buffered: -stream.intake.bodyStart)
            head = stream.intake.head
            bytes.removeAll()
            bytes.append(contentsOf: stream.intake.bytes, first: stream.intake.bodyStart)
            return number
        }
        return nil
    }

    /// The body that was offered comes whole, as that of any other request.
    public func gather(_ number: Int32) {
        guard let stream = find(number), stream.delivery == .offered else { return }
        stream.phase = .receiving
        stream.delivery = .gathered
        incompleteCount += 1
        outstandingCount -= 1
        count(buffered: stream.intake.bodyStart)
        awaitBody(stream)
        guard stream.phase == .receiving else {
            giveBack(stream)
            return
        }
        if stream.unconsumedBytes > 0 {
            nghttp2_session_consume(session, number, stream.unconsumedBytes)
            stream.unconsumedBytes = 0
        }
        if stream.intake.bodyBytes > limits.bodyBytesMax {
            refuse(stream, .bodyTooLarge)
        } else if stream.isWhole {
            complete(stream)
        }
    }

    /// The body that was offered comes in pieces.
    public func stream(_ number: Int32, bytesMax: Int) {
        guard let stream = find(number), stream.delivery == .offered else { return }
        stream.delivery = .streamed(bytesMax: bytesMax)
        if stream.intake.head.expectsContinue, !stream.isWhole { submitContinue(number) }
    }

    /// Hands over what came of a streamed body, in one piece, and lets the client send as much again.
    public func takeBody(_ number: Int32, _ body: (Span<UInt8>) -> Void) -> Pieces {
        guard let stream = find(number), stream.phase == .reported,
            case .streamed(let bytesMax) = stream.delivery
        else { return .gone }
        let count = stream.intake.bodyBytes
        if count > 0 {
            guard count <= bytesMax - stream.deliveredBytes else { return .refused(.bodyTooLarge) }
            stream.deliveredBytes += count
            stream.intake.withBody(body)
            nghttp2_session_consume(session, number, stream.unconsumedBytes)
            stream.unconsumedBytes = 0
        }
        // Trailers, if some came behind the body, are dropped with it.
        self.count(buffered: -stream.intake.dropBody())
        guard stream.isWhole else { return .more }
        stream.delivery = .gathered
        return .end
    }

    /// The window of the connection gets back what a stream keeps that is over.
    func giveBack(_ stream: HTTP2Stream) {
        guard stream.unconsumedBytes > 0 else { return }
        nghttp2_session_consume_connection(session, stream.unconsumedBytes)
        stream.unconsumedBytes = 0
    }

    /// Throws away what was kept of a body that nobody fetches any more. What still comes is read and
    /// thrown away as behind any early answer, so its client may go on while the stream is open.
    func dropPieces(_ stream: HTTP2Stream, isOpen: Bool) {
        guard stream.delivery != .gathered else { return }
        if isOpen, stream.unconsumedBytes > 0 {
            nghttp2_session_consume(session, stream.number, stream.unconsumedBytes)
            stream.unconsumedBytes = 0
        }
        giveBack(stream)
        count(buffered: -stream.intake.dropBody())
        stream.delivery = .gathered
    }
}
