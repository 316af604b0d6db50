import CNghttp2
import Primitives

extension HTTP2Session {
    /// Takes in bytes of the client. False: the connection is beyond repair; give out what `output`
    /// has, then close. `now` is in milliseconds of the loop's clock.
    public func receive(_ bytes: Span<UInt8>, now milliseconds: UInt64) -> Bool {
        now = milliseconds
        budget.refill(now: milliseconds)
        guard !hasFailed else { return false }
        let count = bytes.count
        let taken = bytes.withUnsafeBufferPointer {
            nghttp2_session_mem_recv(session, $0.baseAddress, $0.count)
        }
        if taken != count { fail(Int32(truncatingIfNeeded: taken)) }
        return !hasFailed && nghttp2_session_want_read(session) != 0
    }

    private func fail(_ result: Int32) {
        switch result {
        // A flood of frames that need an acknowledgement, or of CONTINUATION (CVE-2024-27316).
        case NGHTTP2_ERR_FLOODED.rawValue, NGHTTP2_ERR_TOO_MANY_CONTINUATIONS.rawValue,
            NGHTTP2_ERR_TOO_MANY_SETTINGS.rawValue:
            isFlooding = true
            end(.enhanceYourCalm)
        // No preface (RFC 9113 section 3.4), and whatever else nghttp2 cannot go on after.
        default: end(.protocolError)
        }
    }

    /// The next request that is complete or refused, in the order of their ends. Its head goes to
    /// `head` and its bytes to `bytes`, both of which the caller keeps for reuse: what they held
    /// goes back to this session. Nil while the client owes us the reading of too many answers.
    public func nextRequest(
        _ head: inout RequestHead, _ bytes: inout ByteBuffer
    ) -> HTTP2Request? {
        while pendingAnswerBytes < limits.outputBytesMax, let number = ready.popFirst() {
            // A stream that was reset meanwhile is gone.
            guard let stream = find(number), stream.phase == .queued else { continue }
            stream.phase = .reported
            outstandingCount += 1
            count(buffered: -stream.intake.bytes.count)
            swap(&stream.intake.head, &head)
            bytes.removeAll()
            swap(&stream.intake.bytes, &bytes)
            return HTTP2Request(
                stream: number, body: stream.intake.body, trailers: stream.intake.trailers,
                refusal: stream.refusal)
        }
        return nil
    }

    /// A stream whose request was handed out and that the client (or its malformed frame) reset
    /// before it was answered. An answer to it would be ignored.
    public func nextCancelled() -> Int32? { cancelled.popFirst() }

    // MARK: Frames

    /// Every frame that nghttp2 looks into costs a token if it is of a cheap kind.
    func began(frame: nghttp2_frame_hd) -> Int32 {
        switch UInt32(frame.type) {
        case NGHTTP2_DATA.rawValue:
            // RFC 9113 section 6.1 allows empty frames without END_STREAM; they do nothing.
            let ends = UInt32(frame.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0
            if frame.length == 0, !ends { spend() }
        case NGHTTP2_SETTINGS.rawValue, NGHTTP2_PING.rawValue:
            if UInt32(frame.flags) & NGHTTP2_FLAG_ACK.rawValue == 0 { spend() }
        default: spend()
        }
        return 0
    }

    func receivedInvalidFrame(_ frame: UnsafePointer<nghttp2_frame>) -> Int32 {
        let header = frame.pointee.hd
        if UInt32(header.type) == NGHTTP2_HEADERS.rawValue, find(header.stream_id) == nil,
            streams.count >= limits.http2StreamsMax
        {
            refusedStreamCount += 1
        }
        spend()
        return 0
    }

    func spend() {
        guard !budget.spend(), !isFlooding else { return }
        isFlooding = true
        end(.enhanceYourCalm)
    }

    func received(_ frame: UnsafePointer<nghttp2_frame>) -> Int32 {
        let header = frame.pointee.hd
        let ends = UInt32(header.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0
        switch UInt32(header.type) {
        case NGHTTP2_HEADERS.rawValue:
            guard let stream = find(header.stream_id) else { return 0 }
            if !stream.intake.isHeadComplete { finishHead(stream, hasBody: !ends) }
            if ends { complete(stream) }
        case NGHTTP2_DATA.rawValue:
            if header.length > 0, header.length == frame.pointee.data.padlen, !ends { spend() }
            if ends, let stream = find(header.stream_id) { complete(stream) }
        default: break
        }
        return 0
    }

    private func complete(_ stream: HTTP2Stream) {
        guard stream.phase == .receiving else { return }
        enqueue(stream)
    }

    private func enqueue(_ stream: HTTP2Stream) {
        stream.phase = .queued
        incompleteCount -= 1
        ready.append(stream.number)
    }

    /// The request will be answered with the refusal's status, and what still comes of it is thrown
    /// away.
    func refuse(_ stream: HTTP2Stream, _ refusal: HTTPRefusal) {
        guard stream.phase == .receiving else { return }
        if stream.refusal == nil { stream.refusal = refusal }
        if stream.intake.isHeadComplete {
            count(buffered: -stream.intake.dropBody())
            enqueue(stream)
        }
    }

    // MARK: Fields

    func beganHeaders(_ frame: UnsafePointer<nghttp2_frame>) -> Int32 {
        guard frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST else { return 0 }
        let stream = allocator.takeStream()
        stream.begin(frame.pointee.hd.stream_id, now: now)
        insert(stream)
        incompleteCount += 1
        return 0
    }

    func received(
        _ frame: UnsafePointer<nghttp2_frame>, name: UnsafeBufferPointer<UInt8>,
        value: UnsafeBufferPointer<UInt8>
    ) -> Int32 {
        guard let stream = find(frame.pointee.hd.stream_id) else { return 0 }
        // RFC 9113 section 6.5.2: the size of a list.
        stream.intake.listBytes += name.count + value.count + 32
        guard stream.intake.listBytes <= limits.headerBytesMax else {
            // 431 for a large list; a bomb (small blocks that expand without end) ends the
            // connection.
            if stream.intake.listBytes > 4 * limits.headerBytesMax {
                isFlooding = true
                end(.enhanceYourCalm)
                return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
            }
            if stream.refusal == nil { refuse(stream, .headerTooLarge) }
            return 0
        }
        guard stream.refusal == nil else { return 0 }
        do throws(HTTPRefusal) {
            let before = stream.intake.bytes.count
            defer { count(buffered: stream.intake.bytes.count - before) }
            if stream.intake.isHeadComplete {
                try stream.intake.appendTrailer(name, value, parser)
            } else {
                try stream.intake.appendField(name, value, parser)
            }
        } catch {
            refuse(stream, error)
        }
        return 0
    }

    private func finishHead(_ stream: HTTP2Stream, hasBody: Bool) {
        stream.intake.completeHead()
        if stream.refusal == nil {
            do throws(HTTPRefusal) {
                try stream.intake.settleHead()
            } catch {
                stream.refusal = error
            }
        }
        if let refusal = stream.refusal {
            refuse(stream, refusal)
            return
        }
        guard hasBody else { return }
        if let length = stream.intake.head.contentLength {
            guard length <= limits.bodyBytesMax else {
                refuse(stream, .bodyTooLarge)
                return
            }
            stream.intake.bytes.reserve(min(length, limits.http2StreamWindowBytes))
        }
        if stream.intake.head.expectsContinue { submitContinue(stream.number) }
    }

    // MARK: Bodies

    func received(_ number: Int32, data: UnsafeBufferPointer<UInt8>) -> Int32 {
        guard let stream = find(number), stream.phase == .receiving else {
            // Thrown away: other streams get their share of the window back, this one does not.
            nghttp2_session_consume_connection(session, data.count)
            return 0
        }
        if let refusal = refusalOfBody(stream, byteCount: data.count) {
            refuse(stream, refusal)
            nghttp2_session_consume_connection(session, data.count)
            return 0
        }
        stream.intake.appendBody(data)
        count(buffered: data.count)
        nghttp2_session_consume(session, number, data.count)
        return 0
    }

    private func refusalOfBody(_ stream: HTTP2Stream, byteCount: Int) -> HTTPRefusal? {
        if byteCount > limits.bodyBytesMax - stream.intake.bodyBytes { return .bodyTooLarge }
        if bufferedBytes + byteCount > limits.http2BufferedBytesMax
            || allocator.bufferedBytes + byteCount > limits.http2LoopBufferedBytesMax
        {
            return .tooMuchBuffered
        }
        return nil
    }

    private func count(buffered change: Int) {
        bufferedBytes += change
        allocator.bufferedBytes += change
    }

    // MARK: Ends

    func closed(_ number: Int32) -> Int32 {
        guard let stream = remove(number) else { return 0 }
        switch stream.phase {
        case .receiving:
            incompleteCount -= 1
            count(buffered: -stream.intake.bytes.count)
        case .queued: count(buffered: -stream.intake.bytes.count)
        case .reported:
            outstandingCount -= 1
            cancelled.append(number)
        case .answered:
            pendingAnswerCount -= 1
            pendingAnswerBytes -= stream.answer.count
        }
        allocator.recycle(stream)
        return 0
    }
}
