import CNghttp2
import Primitives

/// The server's side of one HTTP/2 connection (RFC 9113): bytes in, requests out; answers in, bytes
/// out. No socket and no clock: time is an argument. Owned by one loop's thread.
///
/// Framing, HPACK and the states of streams are nghttp2's. This class keeps the bytes of each
/// request in one buffer, holds everything to the limits, and ends connections that only cost.
///
/// The loop's part, after each read: `receive`; `nextOffer` until nil, `takeBody` of the requests whose
/// bodies are streamed; `nextRequest` until nil (handling or refusing
/// each); `nextCancelled` until nil; later `respond`; `output` while the socket's buffer is small,
/// and then `nextRequest` and `nextCancelled` again, since answers that left make room and resets
/// that left end streams; close when `isFinished` and all bytes are written.
@safe public final class HTTP2Session {
    let limits: Limits
    let allocator: HTTP2Allocator
    let parser: RequestHeadParser
    /// nghttp2's session.
    let session: OpaquePointer

    var streams = NumberTable<HTTP2Stream>()
    /// The stream that was looked up last: callbacks come in runs.
    private var latest: HTTP2Stream?
    var ready = HTTP2StreamQueue()
    var offers = HTTP2StreamQueue()
    var cancelled = HTTP2StreamQueue()
    var budget: HTTP2Budget
    var scanner = HTTP2FrameScanner()
    var ended = HTTP2EndedStreams()
    /// CONTINUATION frames of the header block that is arriving.
    var continuationCount = 0
    var now: UInt64 = 0
    /// What `output` fills, while it runs.
    var sink = ByteBuffer()
    var sinkBytesMax = 0
    /// Nothing more is read: the input is beyond repair, or the connection was ended.
    var hasFailed = false

    /// Streams whose request is not complete: the header or body time limit runs.
    public internal(set) var incompleteCount = 0
    /// Requests handed out by `nextRequest` whose answer is owed.
    public internal(set) var outstandingCount = 0
    /// Bytes of requests that are arriving or wait for `nextRequest`.
    public internal(set) var bufferedBytes = 0
    /// Answer bytes that wait for the client's window or for `output`.
    public internal(set) var pendingAnswerBytes = 0
    /// Answers that are not sent to their end.
    public internal(set) var pendingAnswerCount = 0
    /// Whether the connection ends because the client spent its budget or flooded.
    public internal(set) var isFlooding = false
    var tally = HTTP2LimitTally()
    /// Streams that were answered while the client still sends.
    public internal(set) var lingeringCount = 0

    /// A connection that begins with the client's preface: prior knowledge, or ALPN `h2`.
    public init(limits: Limits, allocator: HTTP2Allocator) {
        self.limits = limits
        self.allocator = allocator
        parser = RequestHeadParser(limits: limits)
        budget = HTTP2Budget(
            tokensMax: limits.http2ControlFramesMax,
            perSecond: limits.http2ControlFramesPerSecond)
        session = Self.makeSession(limits, allocator)
        nghttp2_session_set_user_data(session, Unmanaged.passUnretained(self).toOpaque())
        submitSettings()
    }

    /// A connection that was upgraded from HTTP/1.1 (RFC 7540 section 3.2): the request that asked
    /// for it becomes stream 1 and is answered with `respond`. `settings` was made by
    /// `HTTP2Settings.decode`. The client's preface is still to come.
    public convenience init(
        limits: Limits, allocator: HTTP2Allocator, upgrading settings: Span<UInt8>, isHead: Bool
    ) {
        self.init(limits: limits, allocator: allocator)
        let result = settings.withUnsafeBufferPointer {
            nghttp2_session_upgrade2(session, $0.baseAddress, $0.count, isHead ? 1 : 0, nil)
        }
        guard result == 0 else {
            end(.protocolError)
            return
        }
        let stream = allocator.takeStream()
        stream.begin(1, now: 0)
        ended.begin(1)
        stream.intake.isHeadComplete = true
        stream.phase = .reported
        insert(stream)
        outstandingCount = 1
    }

    deinit {
        nghttp2_session_del(session)
        allocator.bufferedBytes -= bufferedBytes
        for stream in streams.values { allocator.recycle(stream) }
    }

    private static func makeSession(
        _ limits: Limits, _ allocator: HTTP2Allocator
    ) -> OpaquePointer {
        var option: OpaquePointer?
        var session: OpaquePointer?
        var memory = allocator.memory
        precondition(nghttp2_option_new(&option) == 0, "there is memory for a connection")
        nghttp2_option_set_no_auto_window_update(option, 1)
        nghttp2_option_set_no_closed_streams(option, 1)
        // What waits because the client does not read: acknowledgements are queued nowhere else.
        nghttp2_option_set_max_outbound_ack(option, limits.http2AcknowledgementsMax)
        nghttp2_option_set_max_settings(option, HTTP2Settings.countMax)
        // Ours is the limit; nghttp2 counts some twice.
        nghttp2_option_set_max_continuations(option, limits.http2ContinuationsMax * 4)
        // A second fence behind our budget, by nghttp2's own clock.
        nghttp2_option_set_stream_reset_rate_limit(
            option, UInt64(limits.http2ControlFramesMax * 2),
            UInt64(limits.http2ControlFramesPerSecond * 2))
        let result = nghttp2_session_server_new3(
            &session, allocator.callbacks, nil, option, &memory)
        nghttp2_option_del(option)
        guard result == 0, let session else {
            preconditionFailure("there is memory for a connection")
        }
        return session
    }

    private func submitSettings() {
        func setting(_ id: nghttp2_settings_id, _ value: Int) -> nghttp2_settings_entry {
            nghttp2_settings_entry(settings_id: Int32(id.rawValue), value: UInt32(value))
        }
        let settings: InlineArray<4, nghttp2_settings_entry> = [
            setting(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.http2StreamsMax),
            setting(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.http2StreamWindowBytes),
            setting(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.headerBytesMax),
            // RFC 9218 section 2.1: the tree of RFC 7540 is not kept, so PRIORITY costs no memory.
            setting(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1),
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

    // MARK: Streams

    @inline(__always) func find(_ number: Int32) -> HTTP2Stream? {
        if let latest, latest.number == number { return latest }
        guard let stream = streams[number] else { return nil }
        latest = stream
        return stream
    }

    func insert(_ stream: HTTP2Stream) {
        streams.insert(stream, at: stream.number)
        latest = stream
    }

    func remove(_ number: Int32) -> HTTP2Stream? {
        if let latest, latest.number == number { self.latest = nil }
        return streams.remove(number)
    }

    // MARK: State

    /// Whether `output` has something to give now.
    public var wantsWrite: Bool { nghttp2_session_want_write(session) != 0 }

    /// Nothing more will be read or sent: close, when the bytes given by `output` are written.
    public var isFinished: Bool {
        !wantsWrite && (hasFailed || nghttp2_session_want_read(session) == 0)
    }

    /// Nothing was asked and nothing is owed: the idle time limit runs.
    public var isIdle: Bool { streams.isEmpty }

    /// Answers wait and none may be sent: the client keeps its window shut. The loop's write time
    /// limit runs.
    public var isStalled: Bool { pendingAnswerCount > 0 && !wantsWrite }

    /// Whether reading goes on. It does while answers wait too: only reading brings the WINDOW_UPDATE
    /// that lets them leave. `nextRequest` is what holds back meanwhile, so that a client that takes
    /// no answers cannot pile up more of them.
    public var wantsRead: Bool { !hasFailed && nghttp2_session_want_read(session) != 0 }

    /// A limit that ended the connection or a stream since the last call; nil when there is none left.
    /// For a metric: ask after `receive`, `expire` and `output`.
    public func nextLimitHit() -> HTTP2Limit? { tally.next() }

    // MARK: Ending

    /// Announces the end (GOAWAY with the largest stream number): requests on their way are still
    /// taken. RFC 9113 section 6.8 wants at least a round trip before `finishDrain`.
    public func beginDrain() { nghttp2_submit_shutdown_notice(session) }

    /// Names the last stream that is answered. Later ones are ignored; those in flight finish, and
    /// then the session is finished.
    public func finishDrain() {
        nghttp2_submit_goaway(
            session, UInt8(NGHTTP2_FLAG_NONE.rawValue),
            nghttp2_session_get_last_proc_stream_id(session), HTTP2ErrorCode.noError.rawValue,
            nil, 0)
    }

    /// Ends the connection now: GOAWAY, and nothing else is read or sent.
    public func end(_ code: HTTP2ErrorCode) {
        hasFailed = true
        nghttp2_session_terminate_session(session, code.rawValue)
    }
}

/// Numbers of streams in the order they came. Keeps its memory.
struct HTTP2StreamQueue: Sendable {
    private var numbers: [Int32] = []
    private var first = 0

    var isEmpty: Bool { first == numbers.count }

    mutating func append(_ number: Int32) { numbers.append(number) }

    mutating func popFirst() -> Int32? {
        guard first < numbers.count else { return nil }
        let number = numbers[first]
        first += 1
        if first == numbers.count {
            numbers.removeAll(keepingCapacity: true)
            first = 0
        } else if first >= 256, first * 2 >= numbers.count {
            // A queue that is never empty must not grow for ever.
            numbers.removeFirst(first)
            first = 0
        }
        return number
    }

    mutating func remove(_ number: Int32) {
        if let index = numbers[first...].firstIndex(of: number) { numbers.remove(at: index) }
    }
}
