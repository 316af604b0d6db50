import HTTP
import Primitives

/// Takes any bytes as what a client sends, and checks that they mean the same however the network
/// splits them, and that what is reported is framed as it says. Traps when not. Run by the fuzzer,
/// and by HTTPTests on the corpus.
///
/// The first byte chooses the limits and where long inputs are split, the rest is the stream.
enum HTTP1SessionExercise {
    static func run(_ bytes: Span<UInt8>) {
        guard bytes.count > 0 else { return }
        let choice = Int(bytes[0])
        let stream = bytes.extracting(1...)
        let limits = choice & 1 == 0 ? Limits() : tight
        let whole = events(stream, limits, pieces: stream.count)
        precondition(
            whole.span.equals(events(stream, limits, pieces: 1).span), "byte by byte is the same")
        if stream.count <= 96 {
            for split in 0...stream.count { check(stream, limits, split, whole) }
        } else {
            for part in 1...8 {
                check(stream, limits, (stream.count * part / 8 + choice) % stream.count, whole)
            }
        }
    }

    private static let tight: Limits = {
        var limits = Limits()
        limits.headerBytesMax = 128
        limits.headerCountMax = 4
        limits.targetBytesMax = 32
        limits.bodyBytesMax = 48
        return limits
    }()

    private static func check(
        _ stream: Span<UInt8>, _ limits: Limits, _ split: Int, _ whole: borrowing ByteBuffer
    ) {
        var feed = Feed(limits)
        feed.take(stream.extracting(..<split))
        feed.take(stream.extracting(split...))
        precondition(feed.log.span.equals(whole.span), "every split is the same")
    }

    /// The log of a stream that comes in pieces of this many bytes.
    private static func events(
        _ stream: Span<UInt8>, _ limits: Limits, pieces: Int
    ) -> ByteBuffer {
        var feed = Feed(limits)
        var start = 0
        repeat {
            let end = min(start + max(pieces, 1), stream.count)
            feed.take(stream.extracting(start..<end))
            start = end
        } while start < stream.count
        return feed.intoLog()
    }

    /// A session, its buffer, and what happened.
    private struct Feed: ~Copyable {
        private var session: HTTP1Session
        private var buffer = ByteBuffer()
        private var head = RequestHead()
        private(set) var log = ByteBuffer()
        /// What came of a streamed body.
        private var streamed = ByteBuffer()
        /// Invitations to send a body, since the last request.
        private var continues = 0
        private let limits: Limits

        init(_ limits: Limits) {
            self.limits = limits
            session = HTTP1Session(limits: limits)
        }

        consuming func intoLog() -> ByteBuffer { log }

        mutating func take(_ piece: Span<UInt8>) {
            buffer.append(piece)
            while true {
                switch session.next(&buffer, head: &head) {
                case .needMore:
                    return
                case .sendContinue:
                    // Depends on the split: a body that is there needs no invitation.
                    continues += 1
                    precondition(continues == 1, "a client is invited once")
                case .offer: settleOffer()
                case .piece(let range):
                    precondition(!range.isEmpty, "a piece holds something")
                    for index in range {
                        let byte = buffer.span[index]
                        streamed.append(byte)
                    }
                    precondition(streamed.count <= limits.bodyBytesMax, "a body is limited")
                    session.finishPiece(&buffer)
                case .endOfBody:
                    // Logged as a whole: where pieces end, and how many come before a refusal,
                    // depends on the split.
                    continues = 0
                    log.append(decimal: streamed.count)
                    log.append(contentsOf: streamed)
                    streamed.removeAll()
                case .request(let body):
                    continues = 0
                    checkFraming(body)
                    record(body)
                    session.finish(&buffer)
                case .refuse(let refusal):
                    log.append("refused ")
                    log.append(refusal.code)
                    precondition(refusal.status >= 400, "a refusal is an error")
                    precondition(
                        session.next(&buffer, head: &head) == .needMore, "refused for good")
                    return
                }
            }
        }

        /// Bodies of paths of even length are streamed.
        private mutating func settleOffer() {
            precondition(head.method == .put, "the body of a PUT is offered")
            let isKnownTooLarge = (head.contentLength ?? 0) > limits.bodyBytesMax
            guard head.path.count % 2 == 0, !isKnownTooLarge else {
                session.gather()
                return
            }
            record(0..<0)
            session.stream(&buffer, bytesMax: limits.bodyBytesMax)
        }

        private func checkFraming(_ body: Range<Int>) {
            let bytes = buffer.span
            precondition(body.upperBound <= bytes.count, "a body is in the buffer")
            precondition(body.count <= limits.bodyBytesMax, "a body is limited")
            precondition(head.fields.count <= limits.headerCountMax, "fields are limited")
            if head.isChunked {
                precondition(head.contentLength == nil, "a body has one length")
            } else {
                precondition(body.count == head.contentLength ?? 0, "a body has its length")
            }
            precondition(head.minorVersion == 0 || head.host != nil, "HTTP/1.1 has a host")
            var end = 0
            for field in head.fields {
                precondition(field.name.lowerBound >= end, "fields follow each other")
                precondition(!field.name.isEmpty, "a field has a name")
                for index in field.name {
                    precondition(Ascii.isToken(bytes[index]), "names are tokens")
                }
                for index in field.value {
                    precondition(Ascii.isFieldValue(bytes[index]), "values are text")
                }
                end = field.value.upperBound
            }
            precondition(end <= body.lowerBound, "the head is before the body")
            let echoed = EchoedFields()
            echoed.take(head, in: bytes, limits: limits)
            precondition(echoed.requestID.count <= limits.requestIDBytesMax, "an id is limited")
            precondition(
                !echoed.requestID.contains { $0 <= 0x22 || $0 == 0x5C || $0 >= 0x7F },
                "an id forges no line")
            precondition(
                [0, TraceParent.byteCount].contains(echoed.traceParent.count), "a trace is whole")
            for index in head.path {
                precondition(bytes[index] > 0x20 && bytes[index] < 0x7F, "paths are visible")
            }
        }

        private mutating func record(_ body: Range<Int>) {
            log.append(head.method.name)
            log.append(UInt8(head.minorVersion))
            log.append(head.keepsAlive ? "keep" : "close")
            append(head.path)
            append(head.query)
            for field in head.fields {
                append(field.name)
                append(field.value)
            }
            append(body)
        }

        private mutating func append(_ range: Range<Int>) { Self.append(range, buffer, to: &log) }

        private static func append(
            _ range: Range<Int>, _ buffer: borrowing ByteBuffer, to log: inout ByteBuffer
        ) {
            log.append(decimal: range.count)
            log.append(":")
            log.append(buffer.span.extracting(range))
        }
    }
}
