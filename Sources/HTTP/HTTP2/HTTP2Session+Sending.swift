import CNghttp2
import Primitives

extension HTTP2Session {
    /// Answers a request. The body is copied here; it leaves as the client's windows allow. Nothing
    /// happens if the stream is gone.
    public func respond(
        _ stream: Int32, _ head: ResponseHead, date: HTTPDate, body: borrowing ByteBuffer,
        isHead: Bool = false
    ) {
        guard let stream = takeAnswered(stream) else { return }
        let block = beginBlock(head, date, hasTrailers: false)
        if !isHead {
            allocator.prepareAnswer(stream, byteCount: body.count)
            stream.answer.append(contentsOf: body)
        }
        submit(stream, block)
    }

    /// Answers with fields behind the body.
    public func respond(
        _ stream: Int32, _ head: ResponseHead, date: HTTPDate, body: borrowing ByteBuffer,
        trailers: borrowing HTTPFieldList
    ) {
        guard let stream = takeAnswered(stream) else { return }
        let block = beginBlock(head, date, hasTrailers: true)
        allocator.prepareAnswer(stream, byteCount: body.count)
        stream.answer.append(contentsOf: body)
        stream.answerTrailers.append(contentsOf: trailers)
        submit(stream, block)
    }

    /// Answers with one field list and no body: gRPC's "trailers-only".
    public func respond(
        _ stream: Int32, _ head: ResponseHead, date: HTTPDate,
        trailersOnly fields: borrowing HTTPFieldList
    ) {
        guard let stream = takeAnswered(stream) else { return }
        let block = beginBlock(head, date, hasTrailers: true)
        block.append(fields)
        submit(stream, block)
    }

    /// Resets a stream instead of answering it.
    public func reset(_ stream: Int32, _ code: HTTP2ErrorCode) {
        guard takeAnswered(stream) != nil else { return }
        nghttp2_submit_rst_stream(
            session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, code.rawValue)
    }

    private func takeAnswered(_ number: Int32) -> HTTP2Stream? {
        guard let stream = find(number), stream.phase == .reported else {
            cancelled.remove(number)
            return nil
        }
        stream.phase = .answered
        dropPieces(stream, isOpen: true)
        outstandingCount -= 1
        pendingAnswerCount += 1
        return stream
    }

    private func beginBlock(
        _ head: ResponseHead, _ date: HTTPDate, hasTrailers: Bool
    ) -> HTTP2FieldBlock {
        let block = allocator.block
        block.removeAll()
        head.append(to: block, date: date, hasTrailers: hasTrailers)
        return block
    }

    private func submit(_ stream: HTTP2Stream, _ block: HTTP2FieldBlock) {
        pendingAnswerBytes += stream.answer.count
        let result: Int32
        if stream.answer.isEmpty, stream.answerTrailers.isEmpty {
            result = nghttp2_submit_response(
                session, stream.number, block.pairs, block.count, nil)
        } else {
            var provider = Self.dataProvider
            result = nghttp2_submit_response(
                session, stream.number, block.pairs, block.count, &provider)
        }
        if result != 0 {
            // Out of memory, or a stream that nghttp2 has just dropped.
            nghttp2_submit_rst_stream(
                session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream.number,
                HTTP2ErrorCode.internalError.rawValue)
        }
    }

    /// RFC 9110 section 10.1.1: the client waits for leave to send its body.
    func submitContinue(_ number: Int32) {
        let block = allocator.block
        block.removeAll()
        block.append(":status", "100")
        nghttp2_submit_headers(
            session, UInt8(NGHTTP2_FLAG_NONE.rawValue), number, nil, block.pairs, block.count, nil)
    }

    // MARK: Bytes out

    /// Appends frames to `buffer` until it holds `atMost` bytes (one frame more at most) or there
    /// is nothing to send now. What does not fit stays inside, at most the answers given to
    /// `respond`. `now` is in milliseconds of the loop's clock.
    public func output(into buffer: inout ByteBuffer, atMost: Int, now milliseconds: UInt64) {
        now = max(now, milliseconds)
        swap(&buffer, &sink)
        sinkBytesMax = atMost
        while sink.count < sinkBytesMax {
            var bytes: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(session, &bytes)
            if count < 0 { end(.internalError) }
            guard count > 0 else { break }
            sink.append(UnsafeBufferPointer(start: bytes, count: count))
        }
        swap(&buffer, &sink)
    }

    /// nghttp2 asks how much of an answer's body goes into the next frame; `send` copies it.
    func bytesToSend(
        _ number: Int32, atMost: Int, _ flags: UnsafeMutablePointer<UInt32>
    ) -> Int {
        guard let stream = find(number) else {
            return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
        }
        let count = min(atMost, stream.answer.count)
        flags.pointee |= NGHTTP2_DATA_FLAG_NO_COPY.rawValue
        if count == stream.answer.count {
            flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
            if !stream.answerTrailers.isEmpty {
                flags.pointee |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
                submitTrailers(stream)
            }
        }
        return count
    }

    private func submitTrailers(_ stream: HTTP2Stream) {
        let block = allocator.block
        block.removeAll()
        block.append(stream.answerTrailers)
        nghttp2_submit_trailer(session, stream.number, block.pairs, block.count)
    }

    /// Writes a DATA frame: its header, then body bytes straight from the stream.
    func send(
        _ frame: UnsafePointer<nghttp2_frame>, header: UnsafeBufferPointer<UInt8>, byteCount: Int
    ) -> Int32 {
        guard sink.count < sinkBytesMax else { return NGHTTP2_ERR_WOULDBLOCK.rawValue }
        guard let stream = find(frame.pointee.hd.stream_id) else {
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
        }
        sink.append(header)
        sink.append(contentsOf: stream.answer, first: byteCount)
        stream.answer.consume(byteCount)
        pendingAnswerBytes -= byteCount
        // A kilobyte sent pays for a WINDOW_UPDATE.
        budget.earn(thousandths: byteCount)
        return 0
    }

    func sent(_ frame: UnsafePointer<nghttp2_frame>) -> Int32 {
        let header = frame.pointee.hd
        switch UInt32(header.type) {
        case NGHTTP2_HEADERS.rawValue, NGHTTP2_DATA.rawValue:
            guard UInt32(header.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0 else { return 0 }
            budget.earn(thousandths: 4_000)
            if nghttp2_session_get_stream_remote_close(session, header.stream_id) == 0,
                let stream = find(header.stream_id), stream.phase == .answered
            {
                linger(stream)
            }
        case NGHTTP2_RST_STREAM.rawValue:
            // Resets that the client provoked (CVE-2025-8671) cost it.
            if frame.pointee.rst_stream.error_code != HTTP2ErrorCode.noError.rawValue { spend() }
        case NGHTTP2_GOAWAY.rawValue:
            if frame.pointee.goaway.error_code != HTTP2ErrorCode.noError.rawValue {
                hasFailed = true
            }
        default: break
        }
        return 0
    }
}
