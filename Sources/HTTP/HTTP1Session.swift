import Primitives

/// The receiving side of one HTTP/1.x connection: bytes in, requests out. No socket and no clock.
///
/// The bytes stay in the connection's buffer; a session only knows how far it got. A request is
/// reported when its head and its whole body are there, contiguous, so that nothing is copied.
/// After it was handled, `finish` takes its bytes off the buffer.
public struct HTTP1Session: Sendable {
    /// What the connection should do next.
    public enum Step: Sendable, Equatable {
        /// Nothing more to do with these bytes. `isMidRequest` tells which time limit runs.
        case needMore
        /// The head has come and the client waits before it sends the body: ask `accept` about it.
        case sendContinue
        /// The head of a PUT has come, parsed into `head`, and a body follows: say with `gather` or
        /// `stream` how it is to come, or do neither and close behind an answer.
        case offer
        /// The next bytes of a streamed body are at this range of the buffer: `finishPiece` takes them
        /// off it.
        case piece(Range<Int>)
        /// The streamed body is complete; the next request may follow.
        case endOfBody
        /// A whole request: the head was parsed into `head`, the body is at `body` of the buffer.
        case request(body: Range<Int>)
        /// Answer with the refusal's status, then close: what follows cannot be understood.
        case refuse(HTTPRefusal)
    }

    private enum Phase: Sendable, Equatable {
        /// Looking for the end of a head; this far there is none.
        case head(scanned: Int)
        /// The head ends at `headEnd`; the body is `length` bytes behind it.
        case fixedBody(headEnd: Int, length: Int)
        /// Chunks are decoded in place: body bytes up to `decodedEnd`, raw bytes behind.
        case chunkedBody(headEnd: Int, decodedEnd: Int, ChunkedDecoder)
        /// The head ends at `headEnd`, and the caller is to say how the body comes.
        case offered(headEnd: Int, length: Int?)
        /// The head has left the buffer: body bytes that are still to come.
        case streamedFixed(left: Int)
        case streamedChunks(bytesMax: Int, ChunkedDecoder)
        /// A piece at the front of the buffer was reported; behind it one of the two goes on.
        case fixedPiece(count: Int, left: Int)
        case chunkPiece(count: Int, bytesMax: Int, ChunkedDecoder)
        /// Reported and not yet finished; the request's bytes end at `end`.
        case reported(end: Int)
        case refused
    }

    private var phase = Phase.head(scanned: 0)
    private var isContinueOwed = false
    private let parser: RequestHeadParser
    private let headerBytesMax: Int
    private let bodyBytesMax: Int

    public init(limits: Limits) {
        parser = RequestHeadParser(limits: limits)
        headerBytesMax = limits.headerBytesMax
        bodyBytesMax = limits.bodyBytesMax
    }

    /// Whether the head of a request is complete and its body is not.
    public var isInBody: Bool {
        switch phase {
        case .fixedBody, .chunkedBody, .offered, .streamedFixed, .streamedChunks, .fixedPiece,
            .chunkPiece:
            true
        case .head, .reported, .refused: false
        }
    }

    /// Looks at the buffer and says what to do. `head` is scratch memory that the caller keeps until
    /// the request is handled; while a body is awaited its contents are not needed, since the head is
    /// parsed again when the body is complete.
    public mutating func next(_ buffer: inout ByteBuffer, head: inout RequestHead) -> Step {
        do throws(HTTPRefusal) {
            while true {
                switch phase {
                case .head(let scanned):
                    guard let end = try findHeadEnd(buffer.span, from: scanned) else {
                        return .needMore
                    }
                    if let step = try beginBody(buffer.span, headEnd: end, &head) { return step }
                case .fixedBody(let headEnd, let length):
                    guard length <= bodyBytesMax else { throw .bodyTooLarge }
                    guard buffer.count - headEnd >= length else {
                        if let step = takeContinue() { return step }
                        return .needMore
                    }
                    return try report(buffer.span, headEnd, headEnd..<headEnd + length, &head)
                case .chunkedBody(let headEnd, let decodedEnd, let decoder):
                    if buffer.count == decodedEnd, let step = takeContinue() { return step }
                    guard let end = try decode(&buffer, headEnd, decodedEnd, decoder) else {
                        return .needMore
                    }
                    return try report(buffer.span, headEnd, headEnd..<end, &head)
                case .streamedFixed(let left): return nextPiece(buffer.count, left: left)
                case .streamedChunks(let bytesMax, let decoder):
                    return try nextPiece(&buffer, bytesMax: bytesMax, decoder)
                case .offered, .fixedPiece, .chunkPiece:
                    preconditionFailure("an offer or a piece is settled before the next step")
                case .reported:
                    preconditionFailure("a request is finished before the next is asked for")
                case .refused:
                    return .needMore
                }
            }
        } catch {
            phase = .refused
            return .refuse(error)
        }
    }

    /// The request that was reported is handled: its bytes leave the buffer.
    public mutating func finish(_ buffer: inout ByteBuffer) {
        guard case .reported(let end) = phase else {
            preconditionFailure("only a reported request is finished")
        }
        buffer.consume(end)
        phase = .head(scanned: 0)
    }

    // MARK: Head

    /// The position behind the empty line that ends a head. Lines that end in a bare LF end it too:
    /// the parser then refuses them.
    private mutating func findHeadEnd(
        _ bytes: Span<UInt8>, from scanned: Int
    ) throws(HTTPRefusal) -> Int? {
        guard !bytes.isEmpty else { return nil }
        // Something else than HTTP (a TLS hello, say) shows in its first byte.
        guard Ascii.isToken(bytes[0]) || bytes[0] == Byte.cr || bytes[0] == Byte.lf else {
            throw .badRequestLine
        }
        let limit = min(bytes.count, headerBytesMax)
        var position = scanned
        while let feed = Self.lineFeed(bytes, position..<limit) {
            // An empty line in front of the request line does not end the head.
            if feed > 1 {
                if feed + 1 < limit, bytes[feed + 1] == Byte.lf { return feed + 2 }
                if feed + 2 < limit, bytes[feed + 1] == Byte.cr, bytes[feed + 2] == Byte.lf {
                    return feed + 3
                }
                if feed + 2 >= limit {
                    position = feed
                    break
                }
            }
            position = feed + 1
        }
        guard bytes.count < headerBytesMax else {
            throw Self.lineFeed(bytes, 0..<limit) == nil ? .targetTooLong : .headerTooLarge
        }
        phase = .head(scanned: max(position, min(limit, bytes.count) - 2, 0))
        return nil
    }

    private static func lineFeed(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
        guard range.lowerBound < range.upperBound else { return nil }
        return bytes.extracting(range).firstIndexOfLineFeed().map { $0 + range.lowerBound }
    }

    private mutating func beginBody(
        _ bytes: Span<UInt8>, headEnd: Int, _ head: inout RequestHead
    ) throws(HTTPRefusal) -> Step? {
        try parser.parse(bytes, end: headEnd, into: &head)
        isContinueOwed = head.expectsContinue
        let isEmpty = !head.isChunked && (head.contentLength ?? 0) == 0
        if head.method == .put, !isEmpty {
            phase = .offered(headEnd: headEnd, length: head.isChunked ? nil : head.contentLength)
            return .offer
        }
        return try awaitBody(
            bytes, headEnd: headEnd, head.isChunked ? nil : head.contentLength ?? 0)
    }

    /// Waits for a body of this length (nil: chunked), or reports the request when it is there.
    private mutating func awaitBody(
        _ bytes: Span<UInt8>, headEnd: Int, _ length: Int?
    ) throws(HTTPRefusal) -> Step? {
        guard let length else {
            let decoder = ChunkedDecoder(overheadBytesMax: headerBytesMax)
            phase = .chunkedBody(headEnd: headEnd, decodedEnd: headEnd, decoder)
            return nil
        }
        guard length <= bodyBytesMax else { throw .bodyTooLarge }
        guard bytes.count - headEnd >= length else {
            phase = .fixedBody(headEnd: headEnd, length: length)
            return nil
        }
        phase = .reported(end: headEnd + length)
        return .request(body: headEnd..<headEnd + length)
    }

    private mutating func takeContinue() -> Step? {
        guard isContinueOwed else { return nil }
        isContinueOwed = false
        return .sendContinue
    }

    // MARK: Streamed bodies

    /// The body that was offered comes whole, as that of any other request.
    public mutating func gather() {
        guard case .offered(let headEnd, let length) = phase else {
            preconditionFailure("only an offered body is gathered")
        }
        if let length {
            phase = .fixedBody(headEnd: headEnd, length: length)
        } else {
            let decoder = ChunkedDecoder(overheadBytesMax: headerBytesMax)
            phase = .chunkedBody(headEnd: headEnd, decodedEnd: headEnd, decoder)
        }
    }

    /// The body that was offered comes in pieces as they arrive, whatever their sizes. The head leaves
    /// the buffer. A body with a Content-Length was checked by the caller; one in chunks is refused when
    /// it grows beyond `bytesMax`.
    public mutating func stream(_ buffer: inout ByteBuffer, bytesMax: Int) {
        guard case .offered(let headEnd, let length) = phase else {
            preconditionFailure("only an offered body is streamed")
        }
        buffer.consume(headEnd)
        if let length {
            phase = .streamedFixed(left: length)
        } else {
            let decoder = ChunkedDecoder(overheadBytesMax: headerBytesMax)
            phase = .streamedChunks(bytesMax: bytesMax, decoder)
        }
    }

    /// The piece that was reported is handled: its bytes leave the buffer.
    public mutating func finishPiece(_ buffer: inout ByteBuffer) {
        switch phase {
        case .fixedPiece(let count, let left):
            buffer.consume(count)
            phase = .streamedFixed(left: left)
        case .chunkPiece(let count, let bytesMax, let decoder):
            buffer.consume(count)
            phase = .streamedChunks(bytesMax: bytesMax, decoder)
        case .head, .offered, .streamedFixed, .streamedChunks, .fixedBody, .chunkedBody, .reported,
            .refused:
            preconditionFailure("only a reported piece is finished")
        }
    }

    private mutating func nextPiece(_ available: Int, left: Int) -> Step {
        let count = min(available, left)
        guard count > 0 else {
            guard left == 0 else { return takeContinue() ?? .needMore }
            isContinueOwed = false
            phase = .head(scanned: 0)
            return .endOfBody
        }
        phase = .fixedPiece(count: count, left: left - count)
        return .piece(0..<count)
    }

    private mutating func nextPiece(
        _ buffer: inout ByteBuffer, bytesMax: Int, _ decoder: ChunkedDecoder
    ) throws(HTTPRefusal) -> Step {
        guard !decoder.isDone else {
            isContinueOwed = false
            phase = .head(scanned: 0)
            return .endOfBody
        }
        guard !buffer.isEmpty else { return takeContinue() ?? .needMore }
        var decoder = decoder
        var bytes = buffer.mutableSpan
        let (read, write) = try decoder.decode(
            &bytes, read: 0, write: 0, bodyBytesMax: bytesMax)
        buffer.removeSubrange(write..<read)
        guard write > 0 else {
            phase = .streamedChunks(bytesMax: bytesMax, decoder)
            // Only sizes and line ends came: there is more to look at, or to wait for.
            return try nextPiece(&buffer, bytesMax: bytesMax, decoder)
        }
        phase = .chunkPiece(count: write, bytesMax: bytesMax, decoder)
        return .piece(0..<write)
    }

    // MARK: Body

    /// Decodes what is there; the end of the body once it is complete.
    private mutating func decode(
        _ buffer: inout ByteBuffer, _ headEnd: Int, _ decodedEnd: Int, _ decoder: ChunkedDecoder
    ) throws(HTTPRefusal) -> Int? {
        var decoder = decoder
        var bytes = buffer.mutableSpan
        let (read, write) = try decoder.decode(
            &bytes, read: decodedEnd, write: decodedEnd, bodyBytesMax: bodyBytesMax)
        buffer.removeSubrange(write..<read)
        phase = .chunkedBody(headEnd: headEnd, decodedEnd: write, decoder)
        return decoder.isDone ? write : nil
    }

    private mutating func report(
        _ bytes: Span<UInt8>, _ headEnd: Int, _ body: Range<Int>, _ head: inout RequestHead
    ) throws(HTTPRefusal) -> Step {
        try parser.parse(bytes, end: headEnd, into: &head)
        isContinueOwed = false
        phase = .reported(end: body.upperBound)
        return .request(body: body)
    }
}
