import Primitives

/// One stream: the request that arrives on it, then the answer that leaves. Reused with its memory.
final class HTTP2Stream {
    enum Phase: Sendable, Equatable {
        /// The request is not complete.
        case receiving
        /// Complete, or refused; waiting for `nextRequest`.
        case queued
        /// Handed out, and its answer is owed.
        case reported
        /// Its answer waits for the flow control, or is on its way.
        case answered
        /// Answered to the end, and the client still sends.
        case lingering
        /// The same, and RST_STREAM is on its way.
        case ended
    }

    var number: Int32 = 0
    var phase = Phase.receiving
    var refusal: HTTPRefusal?
    /// Milliseconds of the loop's clock when its HEADERS frame came, or when its answer was out.
    var began: UInt64 = 0
    /// When bytes came last while it lingers.
    var lastDiscarded: UInt64 = 0
    /// Bytes that came for a request that is answered or refused.
    var discardedBytes = 0

    /// How the body of the request reaches the caller.
    enum Delivery: Sendable, Equatable {
        /// Whole, with the head.
        case gathered
        /// The caller was not asked yet, or did not say.
        case offered
        /// In pieces, so many bytes at most.
        case streamed(bytesMax: Int)
    }

    var delivery = Delivery.gathered
    /// Body bytes that are here and that the client has not got back for its window.
    var unconsumedBytes = 0
    /// Body bytes of a streamed request that were handed out.
    var deliveredBytes = 0
    /// All of the request has come.
    var isWhole = false

    var intake = HTTP2Intake()

    /// Body bytes of the answer that are not sent.
    var answer = ByteBuffer()
    /// Sent behind the body.
    var answerTrailers = HTTPFieldList()

    func begin(_ number: Int32, now: UInt64) {
        self.number = number
        began = now
        phase = .receiving
    }

    func recycle(keepingUpTo capacityMax: Int) {
        refusal = nil
        delivery = .gathered
        unconsumedBytes = 0
        deliveredBytes = 0
        isWhole = false
        discardedBytes = 0
        intake.recycle(keepingUpTo: capacityMax)
        answer.clear(keepingUpTo: capacityMax)
        if !answerTrailers.isEmpty { answerTrailers.removeAll() }
    }
}
