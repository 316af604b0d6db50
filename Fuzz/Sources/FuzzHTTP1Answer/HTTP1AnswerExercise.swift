import HTTP
import Primitives

/// Reads any bytes as the answers of a connection, and checks that every split gives the same. Traps
/// when it does not. Run by the fuzzer, and by HTTPTests on the corpus.
///
/// The first byte says whether the first request was HEAD, and whether the limits are tight.
enum HTTP1AnswerExercise {
    /// What a client learns of a connection.
    struct Reading: Equatable {
        var heads: [AnswerHead] = []
        /// Of the answers that are complete, and what there is of the last.
        var bodies: [[UInt8]] = []
        var end: End?

        enum End: Equatable {
            case malformed(AnswerFault)
            /// What the end of the connection means after all bytes.
            case finished(HTTP1AnswerParser.Step)
        }
    }

    static func run(_ bytes: Span<UInt8>) {
        guard bytes.count > 0 else { return }
        let isHead = bytes[0] & 1 == 1
        var limits = Limits()
        if bytes[0] & 2 == 2 {
            limits.answerHeadBytesMax = 100
            limits.interimAnswersMax = 2
        }
        let text = bytes.extracting(1...)
        let whole = read(text, pieces: text.count, isHead: isHead, limits)
        for size in [1, 2, 3, 7, Int(bytes[0]) + 1] {
            let split = read(text, pieces: size, isHead: isHead, limits)
            precondition(split == whole, "every split is the same")
        }
    }

    static func read(
        _ text: Span<UInt8>, pieces: Int, isHead: Bool = false, _ limits: Limits = Limits()
    ) -> Reading {
        var reading = Reading()
        var parser = HTTP1AnswerParser(limits: limits)
        var buffer = ByteBuffer()
        parser.begin(isHead: isHead)
        var start = 0
        while true {
            let end = min(start + max(pieces, 1), text.count)
            buffer.append(text.extracting(start..<end))
            start = end
            if take(&parser, &buffer, &reading) { return reading }
            if start == text.count {
                reading.end = .finished(parser.end())
                return reading
            }
        }
    }

    /// Whether the connection is over.
    private static func take(
        _ parser: inout HTTP1AnswerParser, _ buffer: inout ByteBuffer, _ reading: inout Reading
    ) -> Bool {
        var steps = 0
        while true {
            steps += 1
            precondition(steps < 1 << 20, "a parser comes to an end")
            switch parser.next(&buffer) {
            case .needMore: return false
            case .head:
                precondition((200..<1000).contains(parser.head.status), "a final status")
                reading.heads.append(parser.head)
                reading.bodies.append([])
            case .body(let count):
                precondition(count > 0 && count <= buffer.count, "body bytes are in the buffer")
                let bytes = buffer.span
                for index in 0..<count {
                    reading.bodies[reading.bodies.count - 1].append(bytes[index])
                }
            case .complete:
                guard parser.head.keepsAlive else {
                    reading.end = .finished(.complete)
                    return true
                }
                parser.begin()
            case .malformed(let fault):
                precondition(parser.next(&buffer) == .malformed(fault), "a fault stays")
                // How much of a body was given out before a bad chunk depends on the split.
                if fault == .badChunk { reading.bodies.removeLast() }
                reading.end = .malformed(fault)
                return true
            }
        }
    }
}
