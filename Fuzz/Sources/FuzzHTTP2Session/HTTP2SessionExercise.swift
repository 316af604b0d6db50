import HTTP
import Primitives

/// Takes any bytes as what an HTTP/2 client sends, and checks that requests are the same however the
/// network splits them, that every request that was handed out is answered or cancelled, that what is
/// kept stays within the limits, that floods end and that what is sent is made of frames. Traps when
/// not. Run by the fuzzer, and by HTTPTests on the corpus.
///
/// The first byte chooses how; the rest is the client's stream, as it is or as records of type, flags,
/// stream, length and payload, which become frames behind a preface (so that a change of a length
/// does not spoil all that follows).
enum HTTP2SessionExercise {
    /// The bits of the first byte.
    private struct Choice {
        let byte: UInt8
        var hasRecords: Bool { byte & 1 != 0 }
        var isTight: Bool { byte & 2 != 0 }
        var answersAtOnce: Bool { byte & 4 != 0 }
        var hasLargeAnswers: Bool { byte & 8 != 0 }
        var isSlowReader: Bool { byte & 16 != 0 }
        var isUpgraded: Bool { byte & 0xE0 == 0xE0 }
        var piece: Int { 1 + Int(byte >> 5) * 23 }
        var limits: Limits { isTight ? tight : Limits() }
    }

    static func run(_ bytes: Span<UInt8>) {
        guard bytes.count > 0 else { return }
        let choice = Choice(byte: bytes[0])
        let stream = choice.hasRecords ? frames(bytes) : copy(bytes, from: 1)
        let whole = requests(stream, choice, pieces: stream.count)
        precondition(requests(stream, choice, pieces: 1) == whole, "byte by byte is the same")
        precondition(requests(stream, choice, pieces: choice.piece) == whole, "so are pieces")
        converse(stream, choice)
    }

    private static let tight: Limits = {
        var limits = Limits()
        limits.headerBytesMax = 256
        limits.headerCountMax = 6
        limits.targetBytesMax = 32
        limits.bodyBytesMax = 200
        limits.http2StreamsMax = 4
        limits.http2BufferedBytesMax = 600
        limits.http2LoopBufferedBytesMax = 500
        limits.http2ControlFramesMax = 24
        limits.http2ControlFramesPerSecond = 1
        limits.http2AcknowledgementsMax = 4
        limits.outputBytesMax = 2_000
        limits.lingerBytesMax = 300
        return limits
    }()

    // MARK: The client's bytes

    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    private static func copy(_ bytes: Span<UInt8>, from start: Int) -> [UInt8] {
        var result: [UInt8] = []
        for index in start..<bytes.count { result.append(bytes[index]) }
        return result
    }

    private static func frames(_ bytes: Span<UInt8>) -> [UInt8] {
        var result = preface + [0, 0, 0, 4, 0, 0, 0, 0, 0]
        var position = 1
        while position + 4 <= bytes.count {
            let count = min(Int(bytes[position + 3]), bytes.count - position - 4)
            result += [
                0, 0, UInt8(count), bytes[position], bytes[position + 1], 0, 0, 0,
                bytes[position + 2],
            ]
            position += 4
            for index in position..<position + count { result.append(bytes[index]) }
            position += count
        }
        return result
    }

    // MARK: Splits

    /// What is handed out, and not cancelled by the same client, when nobody answers.
    private static func requests(
        _ stream: [UInt8], _ choice: Choice, pieces: Int
    ) -> [Int32: [UInt8]] {
        var limits = choice.limits
        // What waits depends on when it is taken.
        limits.http2BufferedBytesMax = 1 << 30
        limits.http2LoopBufferedBytesMax = 1 << 30
        let feed = Feed(limits, isUpgraded: choice.isUpgraded)
        var start = 0
        while start < stream.count {
            let end = min(start + max(pieces, 1), stream.count)
            feed.receive(stream[start..<end], now: 1_000)
            start = end
        }
        return feed.requests
    }

    // MARK: A conversation

    /// With answers, output and time.
    private static func converse(_ stream: [UInt8], _ choice: Choice) {
        let limits = choice.limits
        let allocator = HTTP2Allocator(limits: limits)
        do {
            let feed = Feed(limits, isUpgraded: choice.isUpgraded, allocator: allocator)
            feed.answerBytes = choice.hasLargeAnswers ? 1_500 : 5
            var now: UInt64 = 1_000
            var start = 0
            while start < stream.count {
                let end = min(start + choice.piece, stream.count)
                feed.receive(stream[start..<end], now: now)
                if choice.answersAtOnce || start % 3 == 0 { feed.answerAll() }
                if !choice.isSlowReader || start % 7 == 0 {
                    feed.send(atMost: choice.isSlowReader ? 50 : 1 << 20, now: now)
                }
                now += UInt64(choice.byte % 5) * 100
                feed.checkExpiry(now: now)
                start = end
            }
            if choice.hasRecords { feed.checkBudget(stream, elapsed: now - 1_000) }
            feed.finish(now: now)
        }
        precondition(allocator.bufferedBytes == 0, "a session gives back all that it kept")
    }
}
