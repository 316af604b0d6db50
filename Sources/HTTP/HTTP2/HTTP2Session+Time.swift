import CNghttp2
import Primitives

/// What a session does because time passed, and early answers.
extension HTTP2Session {
    /// When `expire` has something to do, in milliseconds of the loop's clock; nil when nothing waits
    /// for the client's sending. Costs a look at every stream.
    public var nextExpiry: UInt64? {
        guard incompleteCount + lingeringCount > 0 else { return nil }
        var earliest: UInt64?
        for stream in streams.values {
            guard let due = expiry(stream) else { continue }
            earliest = min(earliest ?? due, due)
        }
        return earliest
    }

    /// The rules are HTTP/1.1's: a fixed time for the header, as long for the body as it comes at the
    /// least rate and at most a fixed time. What follows an early answer may pause for a short while,
    /// and go on for the time of a body.
    private func expiry(_ stream: HTTP2Stream) -> UInt64? {
        switch stream.phase {
        case .receiving:
            guard stream.intake.isHeadComplete else {
                return stream.began + UInt64(limits.headerMilliseconds)
            }
            let earned = stream.intake.bodyBytes * 1000 / max(limits.bodyBytesPerSecondMin, 1)
            let allowed = min(limits.bodyGraceMilliseconds + earned, limits.bodyMilliseconds)
            return stream.began + UInt64(allowed)
        case .lingering:
            return min(
                stream.lastDiscarded + UInt64(limits.lingerMilliseconds),
                stream.began + UInt64(limits.bodyMilliseconds))
        case .queued, .reported, .answered, .ended: return nil
        }
    }

    /// Refuses requests that come too slowly (408), and resets streams that go on after their answer.
    /// A header block that is not complete cannot be answered, and nothing can come before its end:
    /// that ends the connection. Requests may be ready then, and bytes to send.
    public func expire(now milliseconds: UInt64) {
        now = max(now, milliseconds)
        for stream in streams.values {
            guard let due = expiry(stream), due <= now else { continue }
            switch stream.phase {
            case .receiving:
                guard stream.intake.isHeadComplete else {
                    tally.add(.headerTime)
                    end(.enhanceYourCalm)
                    return
                }
                let isOver = now >= stream.began + UInt64(limits.bodyMilliseconds)
                refuse(stream, isOver ? .bodyTimeout : .bodyTooSlow)
            case .lingering:
                tally.add(.linger)
                stopLingering(stream)
            case .queued, .reported, .answered, .ended: break
            }
        }
    }

    // MARK: Early answers

    /// An answer is out while its request still arrives. RFC 9113 section 8.1 lets us reset the stream
    /// at once, but clients that are busy sending (curl, httpx) then lose the answer: so what comes is
    /// read and thrown away for a while, as on a closing HTTP/1.1 connection.
    func linger(_ stream: HTTP2Stream) {
        stream.phase = .lingering
        stream.began = now
        stream.lastDiscarded = now
        pendingAnswerCount -= 1
        lingeringCount += 1
        allocator.releaseBuffers(stream)
        if stream.discardedBytes > limits.lingerBytesMax {
            tally.add(.linger)
            stopLingering(stream)
        }
    }

    /// Takes in DATA that nobody wants: its window is given back while we linger, so that the client
    /// comes to its end, or to our answer.
    func discard(_ stream: HTTP2Stream, byteCount: Int) {
        stream.discardedBytes += byteCount
        stream.lastDiscarded = now
        guard stream.discardedBytes > limits.lingerBytesMax else {
            nghttp2_session_consume(session, stream.number, byteCount)
            return
        }
        nghttp2_session_consume_connection(session, byteCount)
        if stream.phase == .lingering {
            tally.add(.linger)
            stopLingering(stream)
        }
    }

    /// RFC 9113 section 8.1: asks the client to stop sending, without an error.
    private func stopLingering(_ stream: HTTP2Stream) {
        stream.phase = .ended
        lingeringCount -= 1
        nghttp2_submit_rst_stream(
            session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream.number,
            HTTP2ErrorCode.noError.rawValue)
    }
}
