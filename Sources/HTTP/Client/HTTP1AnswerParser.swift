import Primitives

/// A client's receiving side of one HTTP/1.1 connection: bytes in, the events of answers out, the
/// same for every split of the bytes. No socket and no clock.
///
/// `begin` says that a request was sent; then `next` is called until `.needMore` after each read.
/// Body bytes are reported where they lie and leave the buffer at the next call, so a body of any
/// length needs no memory. Costs no allocation.
public struct HTTP1AnswerParser: Sendable {
    public enum Step: Sendable, Equatable {
        case needMore
        /// The final head is in `head`. Interim answers (1xx) are passed over.
        case head
        /// The first bytes of the buffer are so many of the body.
        case body(Int)
        /// The answer is complete; another may be begun when `head.keepsAlive`.
        case complete
        /// Nothing more can be read from this connection.
        case malformed(AnswerFault)
    }

    private enum Phase: Sendable, Equatable {
        /// No answer is owed.
        case between
        case head(scanned: Int)
        case fixedBody(remaining: Int)
        case chunkedBody(ChunkedDecoder)
        /// RFC 9112 section 6.3, rule 8: until the connection ends.
        case bodyUntilEnd
        case failed(AnswerFault)
    }

    private var phase = Phase.between
    private var isHeadRequest = false
    private var interimCount = 0
    /// Bytes of the buffer that were reported.
    private var reported = 0
    private let headBytesMax: Int
    private let interimMax: Int

    /// The head reported last.
    public private(set) var head = AnswerHead()

    public init(limits: Limits = .standard) {
        headBytesMax = limits.answerHeadBytesMax
        interimMax = limits.interimAnswersMax
    }

    /// A request was sent. HEAD is answered without a body (RFC 9112 section 6.3, rule 1).
    public mutating func begin(isHead: Bool = false) {
        precondition(phase == .between, "an answer is complete before the next is begun")
        isHeadRequest = isHead
        interimCount = 0
        phase = .head(scanned: 0)
    }

    /// Whether an answer is owed of which `buffer` has not a byte.
    public func isUntouched(_ buffer: borrowing ByteBuffer) -> Bool {
        phase == .head(scanned: 0) && interimCount == 0 && buffer.count == reported
    }

    public mutating func next(_ buffer: inout ByteBuffer) -> Step {
        buffer.consume(reported)
        reported = 0
        do throws(AnswerFault) {
            switch phase {
            case .between:
                guard buffer.isEmpty else { throw .unexpectedBytes }
                return .needMore
            case .head(let scanned): return try readHead(&buffer, scanned)
            case .fixedBody(let remaining):
                guard remaining > 0 else { return complete() }
                return report(fixed: min(remaining, buffer.count), of: remaining)
            case .chunkedBody(let decoder): return try decode(&buffer, decoder)
            case .bodyUntilEnd:
                guard !buffer.isEmpty else { return .needMore }
                reported = buffer.count
                return .body(reported)
            case .failed(let fault): throw fault
            }
        } catch {
            phase = .failed(error)
            return .malformed(error)
        }
    }

    /// The peer sent FIN, and `next` came to `.needMore` before: `.complete` when the body ends with
    /// the connection, `.needMore` when no answer is owed, else `.malformed(.truncated)`.
    public mutating func end() -> Step {
        switch phase {
        case .between: return .needMore
        case .bodyUntilEnd: return complete()
        case .failed(let fault): return .malformed(fault)
        case .head, .fixedBody, .chunkedBody:
            phase = .failed(.truncated)
            return .malformed(.truncated)
        }
    }

    private mutating func complete() -> Step {
        phase = .between
        return .complete
    }

    // MARK: Body

    private mutating func report(fixed count: Int, of remaining: Int) -> Step {
        guard count > 0 else { return .needMore }
        phase = .fixedBody(remaining: remaining - count)
        reported = count
        return .body(count)
    }

    private mutating func decode(
        _ buffer: inout ByteBuffer, _ decoder: ChunkedDecoder
    ) throws(AnswerFault) -> Step {
        var decoder = decoder
        if decoder.isDone { return complete() }
        let positions: (read: Int, write: Int)
        do throws(HTTPRefusal) {
            var bytes = buffer.mutableSpan
            positions = try decoder.decode(&bytes, read: 0, write: 0, bodyBytesMax: 1 << 60)
        } catch {
            throw .badChunk
        }
        phase = .chunkedBody(decoder)
        guard positions.write > 0 else {
            buffer.consume(positions.read)
            return decoder.isDone ? complete() : .needMore
        }
        // What lies between the body's bytes and the next raw ones leaves with them.
        reported = positions.read
        return .body(positions.write)
    }

    // MARK: Head

    private mutating func readHead(
        _ buffer: inout ByteBuffer, _ scanned: Int
    ) throws(AnswerFault) -> Step {
        var scanned = scanned
        while let end = try Self.headEnd(buffer.span, from: &scanned, limit: headBytesMax) {
            head = AnswerHead()
            try AnswerHeadParser.parse(buffer.span, end: end, into: &head)
            buffer.consume(end)
            scanned = 0
            guard (100..<200).contains(head.status) else {
                try beginBody()
                return .head
            }
            interimCount += 1
            guard head.status != 101, interimCount <= interimMax else { throw .unexpectedInterim }
        }
        phase = .head(scanned: scanned)
        return .needMore
    }

    /// RFC 9112 section 6.3.
    private mutating func beginBody() throws(AnswerFault) {
        if isHeadRequest || head.status == 204 || head.status == 304 {
            phase = .fixedBody(remaining: 0)
        } else if head.isChunked {
            phase = .chunkedBody(ChunkedDecoder(overheadBytesMax: headBytesMax))
        } else if let length = head.contentLength, !head.endsWithConnection {
            phase = .fixedBody(remaining: length)
        } else {
            head.keepsAlive = false
            phase = .bodyUntilEnd
        }
    }

    /// The position behind the empty line; nil, with how far it looked, when it has not come.
    private static func headEnd(
        _ bytes: Span<UInt8>, from scanned: inout Int, limit: Int
    ) throws(AnswerFault) -> Int? {
        // A server that speaks something else shows in its first bytes.
        let prefix: StaticString = "HTTP/1."
        for index in 0..<min(prefix.utf8CodeUnitCount, bytes.count)
        where bytes[index] != prefix.utf8Start[index] {
            throw .badStatusLine
        }
        var position = scanned
        let count = min(bytes.count, limit)
        while position < count,
            let feed = bytes.extracting(position..<count).firstIndexOfLineFeed()
        {
            let next = position + feed + 1
            if next < count, bytes[next] == Byte.lf { return next + 1 }
            if next + 1 < count, bytes[next] == Byte.cr, bytes[next + 1] == Byte.lf {
                return next + 2
            }
            if next + 1 >= count {
                // Whether the line after this one is empty is not known yet: look at it again.
                scanned = next - 1
                guard bytes.count < limit else { throw .headTooLarge }
                return nil
            }
            position = next
        }
        guard bytes.count < limit else { throw .headTooLarge }
        scanned = count
        return nil
    }
}
