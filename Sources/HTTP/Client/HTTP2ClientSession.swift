import CNghttp2
import Primitives

/// The client's side of one HTTP/2 connection (RFC 9113): requests in, bytes out; bytes in, answers
/// out. No socket and no clock. Owned by one thread.
///
/// Framing, HPACK and the states of streams are nghttp2's. Bodies of answers are counted, not kept.
/// The owner's part: `submit` while `room` is above 0; `output` and send; after each read, `receive`;
/// after both, `nextAnswer` until nil, since `output` finds requests that may no longer be sent; close
/// when `isFinished`.
@safe public final class HTTP2ClientSession {
    /// What is known of one stream. Its number in `records`, plus 1, is nghttp2's data of the stream.
    private struct Record {
        var token = 0
        var number: Int32 = 0
        var head = AnswerHead()
        var bodyBytes = 0
        var request: HTTP2ClientRequest?
        /// Bytes of the request's body that left.
        var sent = 0
        var isOpen = false
        /// The owner gave up: the end is not reported.
        var isCancelled = false
    }

    private let session: OpaquePointer
    /// Keeps nghttp2's memory.
    private let allocator: HTTP2Allocator
    private var records: [Record] = []
    private var free: [Int] = []
    private var answers: [HTTP2ClientAnswer] = []
    private var nextAnswerIndex = 0
    private var sink = ByteBuffer()
    private var sinkBytesMax = 0
    private var hasFailed = false
    private let streamsMax: Int

    /// Requests whose end was not reported.
    public private(set) var openCount = 0
    /// No request may be added: the server said GOAWAY, or the numbers of streams are used up.
    public private(set) var isGoingAway = false

    /// At most `streamsMax` requests at the same time, fewer when the server says so.
    public init(limits: Limits, allocator: HTTP2Allocator, streamsMax: Int) {
        precondition(streamsMax > 0, "a connection carries a request")
        self.allocator = allocator
        self.streamsMax = streamsMax
        var option: OpaquePointer?
        var session: OpaquePointer?
        var memory = allocator.memory
        precondition(nghttp2_option_new(&option) == 0, "there is memory for a connection")
        nghttp2_option_set_no_closed_streams(option, 1)
        let result = nghttp2_session_client_new3(
            &session, Self.callbacks, nil, option, &memory)
        nghttp2_option_del(option)
        guard result == 0, let session else {
            preconditionFailure("there is memory for a connection")
        }
        self.session = session
        nghttp2_session_set_user_data(session, Unmanaged.passUnretained(self).toOpaque())
        submitSettings(limits)
    }

    deinit { nghttp2_session_del(session) }

    private func submitSettings(_ limits: Limits) {
        let settings: InlineArray<2, nghttp2_settings_entry> = [
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_ENABLE_PUSH.rawValue), value: 0),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue),
                value: UInt32(limits.http2StreamWindowBytes)),
        ]
        let result = settings.span.withUnsafeBufferPointer {
            nghttp2_submit_settings(
                session, UInt8(NGHTTP2_FLAG_NONE.rawValue), $0.baseAddress, $0.count)
        }
        let window = nghttp2_session_set_local_window_size(
            session, UInt8(NGHTTP2_FLAG_NONE.rawValue), 0,
            Int32(limits.http2ConnectionWindowBytes))
        precondition(result == 0 && window == 0, "the limits are valid settings")
    }

    // MARK: Requests

    /// How many requests may be added now.
    public var room: Int {
        guard !isGoingAway, !hasFailed else { return 0 }
        let allowed = nghttp2_session_get_remote_settings(
            session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
        return max(0, min(streamsMax, Int(allowed)) - openCount)
    }

    /// Adds a request. False when it cannot be sent on this connection: `isGoingAway` is then true.
    /// Its end is reported by `nextAnswer` with `token`, exactly once unless it is cancelled.
    public func submit(_ request: HTTP2ClientRequest, token: Int) -> Bool {
        guard !isGoingAway, !hasFailed else {
            isGoingAway = true
            return false
        }
        let index: Int
        if let reused = free.popLast() {
            index = reused
        } else {
            index = records.count
            records.append(Record())
        }
        records[index] = Record(token: token, request: request, isOpen: true)
        let data = UnsafeMutableRawPointer(bitPattern: index + 1)
        let number: Int32
        if request.body.isEmpty {
            number = nghttp2_submit_request(
                session, nil, request.pairs, request.pairCount, nil, data)
        } else {
            var provider = nghttp2_data_provider(
                source: nghttp2_data_source(ptr: nil),
                read_callback: { _, stream, _, atMost, flags, _, user in
                    of(user).bytesToSend(stream, atMost, flags.unsafelyUnwrapped)
                })
            number = nghttp2_submit_request(
                session, nil, request.pairs, request.pairCount, &provider, data)
        }
        guard number > 0 else {
            records[index] = Record()
            free.append(index)
            isGoingAway = true
            return false
        }
        records[index].number = number
        openCount += 1
        return true
    }

    /// Gives up a request: its stream is reset, and nothing more is reported of it.
    public func cancel(token: Int) {
        for index in records.indices
        where records[index].isOpen && records[index].token == token
            && !records[index].isCancelled
        {
            records[index].isCancelled = true
            nghttp2_submit_rst_stream(
                session, UInt8(NGHTTP2_FLAG_NONE.rawValue), records[index].number,
                NGHTTP2_CANCEL.rawValue)
        }
    }

    /// The next request that came to an end.
    public func nextAnswer() -> HTTP2ClientAnswer? {
        guard nextAnswerIndex < answers.count else {
            answers.removeAll(keepingCapacity: true)
            nextAnswerIndex = 0
            return nil
        }
        nextAnswerIndex += 1
        return answers[nextAnswerIndex - 1]
    }

    // MARK: Bytes

    /// Takes in bytes of the server. False: the connection is over; send what `output` has, close.
    public func receive(_ bytes: Span<UInt8>) -> Bool {
        guard !hasFailed else { return false }
        let count = bytes.count
        let taken = bytes.withUnsafeBufferPointer {
            nghttp2_session_mem_recv(session, $0.baseAddress, $0.count)
        }
        if taken != count { fail() }
        return !hasFailed && nghttp2_session_want_read(session) != 0
    }

    private func fail() {
        hasFailed = true
        nghttp2_session_terminate_session(session, NGHTTP2_PROTOCOL_ERROR.rawValue)
    }

    /// Whether the server broke the protocol.
    public var isBroken: Bool { hasFailed }

    /// Whether there is something for `output`.
    public var wantsWrite: Bool { nghttp2_session_want_write(session) != 0 }

    /// Nothing more will be read or sent.
    public var isFinished: Bool {
        !wantsWrite && (hasFailed || nghttp2_session_want_read(session) == 0)
    }

    /// Appends frames until `buffer` holds `atMost` bytes (a frame more at most).
    public func output(into buffer: inout ByteBuffer, atMost: Int) {
        swap(&buffer, &sink)
        sinkBytesMax = atMost
        while sink.count < sinkBytesMax {
            var bytes: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(session, &bytes)
            if count < 0 { hasFailed = true }
            guard count > 0 else { break }
            sink.append(UnsafeBufferPointer(start: bytes, count: count))
        }
        swap(&buffer, &sink)
    }

    /// Says goodbye (GOAWAY without an error).
    public func close() {
        nghttp2_session_terminate_session(session, NGHTTP2_NO_ERROR.rawValue)
    }

    // MARK: Callbacks

    /// Where nghttp2's callbacks look up a stream; nil for streams that are not ours (there are none
    /// but stream 0).
    private func record(_ number: Int32) -> Int? {
        let data = nghttp2_session_get_stream_user_data(session, number)
        let index = Int(bitPattern: data) - 1
        return records.indices.contains(index) ? index : nil
    }

    fileprivate func bytesToSend(
        _ number: Int32, _ atMost: Int, _ flags: UnsafeMutablePointer<UInt32>
    ) -> Int {
        guard let index = record(number), let request = records[index].request else {
            return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
        }
        let count = min(atMost, request.body.count - records[index].sent)
        flags.pointee |= NGHTTP2_DATA_FLAG_NO_COPY.rawValue
        if records[index].sent + count == request.body.count {
            flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
        }
        return count
    }

    /// Writes a DATA frame: its header, then body bytes straight from the request.
    fileprivate func send(_ number: Int32, _ header: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
        guard sink.count < sinkBytesMax else { return NGHTTP2_ERR_WOULDBLOCK.rawValue }
        guard let index = record(number), let request = records[index].request else {
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
        }
        let sent = records[index].sent
        sink.append(UnsafeBufferPointer(start: header, count: 9))
        request.body.withUnsafeBufferPointer {
            sink.append(UnsafeBufferPointer(rebasing: $0[sent..<sent + count]))
        }
        records[index].sent = sent + count
        return 0
    }

    fileprivate func received(
        _ frame: nghttp2_frame, _ name: UnsafeBufferPointer<UInt8>,
        _ value: UnsafeBufferPointer<UInt8>
    ) -> Int32 {
        // Trailers say nothing that counts.
        guard UInt32(frame.hd.type) == NGHTTP2_HEADERS.rawValue,
            let index = record(frame.hd.stream_id)
        else { return 0 }
        if name.count == 7, name.first == UInt8(ascii: ":") {
            // nghttp2 has checked that it is :status and three digits.
            records[index].head = AnswerHead()
            records[index].head.status = value.reduce(0) { $0 * 10 + Int($1 &- 0x30) }
        } else if name.count == 11 || name.count == 14 || name.count == 16 {
            // One span holds both, since the fields' ranges refer to one.
            var both = ByteBuffer(capacity: name.count + value.count)
            both.append(name)
            both.append(value)
            _ = records[index].head.takeRetryField(
                both.span, name: 0..<name.count, value: name.count..<both.count)
        }
        return 0
    }

    fileprivate func received(_ number: Int32, dataCount: Int) {
        if let index = record(number) { records[index].bodyBytes += dataCount }
    }

    fileprivate func received(_ frame: nghttp2_frame) {
        if UInt32(frame.hd.type) == NGHTTP2_GOAWAY.rawValue { isGoingAway = true }
    }

    fileprivate func closed(_ number: Int32, _ code: UInt32) {
        guard let index = record(number) else { return }
        let outcome: HTTP2ClientAnswer.Outcome
        if code == NGHTTP2_NO_ERROR.rawValue, records[index].head.status >= 200 {
            outcome = .complete
        } else if code == NGHTTP2_REFUSED_STREAM.rawValue {
            outcome = .unprocessed
        } else {
            outcome = .reset(code)
        }
        finish(index, outcome)
    }

    /// A request that nghttp2 did not send: GOAWAY came between.
    fileprivate func notSent(_ frame: nghttp2_frame) {
        guard UInt32(frame.hd.type) == NGHTTP2_HEADERS.rawValue else { return }
        // The stream was not opened, so it has no data with nghttp2: find it by its number.
        let number = frame.hd.stream_id
        if let index = records.firstIndex(where: { $0.isOpen && $0.number == number }) {
            finish(index, .unprocessed)
        }
    }

    private func finish(_ index: Int, _ outcome: HTTP2ClientAnswer.Outcome) {
        guard records[index].isOpen else { return }
        let record = records[index]
        records[index] = Record()
        free.append(index)
        openCount -= 1
        guard !record.isCancelled else { return }
        answers.append(
            HTTP2ClientAnswer(
                token: record.token, outcome: outcome, status: record.head.status,
                bodyBytes: record.bodyBytes, retryDelay: record.head.retryDelay,
                retryTicket: record.head.retryTicket))
    }

    /// SAFETY: made once, then only read; nghttp2 copies it into each session.
    nonisolated(unsafe) private static let callbacks: OpaquePointer = {
        var table: OpaquePointer?
        guard nghttp2_session_callbacks_new(&table) == 0, let table else {
            preconditionFailure("there is memory for a table of callbacks")
        }
        nghttp2_session_callbacks_set_on_header_callback(table) {
            _, frame, name, nameCount, value, valueCount, _, user in
            of(user).received(
                frame.unsafelyUnwrapped.pointee,
                UnsafeBufferPointer(start: name, count: nameCount),
                UnsafeBufferPointer(start: value, count: valueCount))
        }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(table) {
            _, _, stream, _, count, user in
            of(user).received(stream, dataCount: count)
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(table) { _, frame, user in
            of(user).received(frame.unsafelyUnwrapped.pointee)
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_not_send_callback(table) { _, frame, _, user in
            of(user).notSent(frame.unsafelyUnwrapped.pointee)
            return 0
        }
        nghttp2_session_callbacks_set_send_data_callback(table) {
            _, frame, header, count, _, user in
            of(user).send(
                frame.unsafelyUnwrapped.pointee.hd.stream_id, header.unsafelyUnwrapped, count)
        }
        nghttp2_session_callbacks_set_on_stream_close_callback(table) { _, stream, code, user in
            of(user).closed(stream, code)
            return 0
        }
        return table
    }()
}

/// The session that nghttp2 was given as its user's data.
private func of(_ user: UnsafeMutableRawPointer?) -> HTTP2ClientSession {
    Unmanaged<HTTP2ClientSession>.fromOpaque(user.unsafelyUnwrapped).takeUnretainedValue()
}
