import CNghttp2
import Primitives

/// What is decided about a frame before nghttp2 sees it: what it costs, and whether it may come.
extension HTTP2Session {
    /// DATA of a stream that is gone costs a token when it is smaller: full frames crossed our reset
    /// and are paid with their bytes.
    private static let smallDataBytes = 128

    func check(_ frame: HTTP2FrameScanner.Header) {
        charge(frame)
        guard !hasFailed else { return }
        switch UInt32(frame.type) {
        case NGHTTP2_HEADERS.rawValue:
            continuationCount = 0
            checkHeaders(frame.stream)
        case NGHTTP2_CONTINUATION.rawValue:
            continuationCount += 1
            if continuationCount > limits.http2ContinuationsMax { flooded(.controlFrames) }
        case NGHTTP2_DATA.rawValue: checkData(frame)
        case NGHTTP2_PRIORITY.rawValue:
            // RFC 9113 section 6.3, and RFC 7540 section 5.3.1: a stream cannot depend on itself.
            if frame.stream == 0 || frame.stream == frame.dependency { end(.protocolError) }
        default: break
        }
    }

    /// Every frame costs a token if it is of a cheap kind, whether it means something or not.
    private func charge(_ frame: HTTP2FrameScanner.Header) {
        switch UInt32(frame.type) {
        case NGHTTP2_DATA.rawValue:
            // RFC 9113 section 6.1 allows empty frames without END_STREAM; they do nothing.
            let ends = UInt32(frame.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0
            if frame.byteCount == 0, !ends { spend() }
        default: spend()
        }
    }

    /// RFC 9113 section 5.1.1: numbers of streams rise; section 5.1: a client that ended a stream sends
    /// nothing more on it. Trailers of a stream that we have reset are passed over.
    private func checkHeaders(_ number: Int32) {
        if number > ended.largest {
            ended.begin(number)
            return
        }
        guard number > 0, find(number) == nil, let end = ended.end(of: number) else { return }
        switch end {
        case .byClient: self.end(.streamClosed)
        case .skipped: self.end(.protocolError)
        }
    }

    /// RFC 9113 section 5.1: DATA on a closed stream is an error of that stream, except that it may
    /// have been on its way when we reset it.
    private func checkData(_ frame: HTTP2FrameScanner.Header) {
        let number = frame.stream
        guard number > 0, number <= ended.largest, find(number) == nil else { return }
        if frame.byteCount > 0, frame.byteCount < Self.smallDataBytes { spend() }
        guard ended.end(of: number) != nil, !hasFailed else { return }
        nghttp2_submit_rst_stream(
            session, UInt8(NGHTTP2_FLAG_NONE.rawValue), number,
            HTTP2ErrorCode.streamClosed.rawValue)
        spend()
    }

    func receivedInvalidFrame(_ frame: UnsafePointer<nghttp2_frame>) -> Int32 {
        let header = frame.pointee.hd
        if UInt32(header.type) == NGHTTP2_HEADERS.rawValue, find(header.stream_id) == nil,
            streams.count >= limits.http2StreamsMax
        {
            tally.add(.streams)
        }
        spend()
        return 0
    }

    /// Takes a token of the budget; without one the connection ends.
    func spend() {
        guard !budget.spend() else { return }
        flooded(.controlFrames)
    }

    /// Ends a connection that only costs.
    func flooded(_ limit: HTTP2Limit) {
        guard !isFlooding else { return }
        isFlooding = true
        tally.add(limit)
        end(.enhanceYourCalm)
    }
}
