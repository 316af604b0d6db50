import CNghttp2

/// What a client saw of a stream.
struct HTTP2Answer: Equatable {
    var interim: [String] = []
    var status = ""
    var fields: [String: String] = [:]
    var body: [UInt8] = []
    var trailers: [String: String] = [:]
    var isComplete = false
    /// The code of RST_STREAM, or of the stream's end.
    var closedWith: UInt32?
}

/// An HTTP/2 client in memory: nghttp2's client session, whose bytes the test carries over.
final class HTTP2Client {
    private var session: OpaquePointer?
    private(set) var answers: [Int32: HTTP2Answer] = [:]
    /// (last stream, code) of each GOAWAY.
    private(set) var goaways: [(last: Int32, code: UInt32)] = []
    private(set) var pingAnswers = 0
    /// Settings of the server.
    private(set) var settings: [Int32: UInt32] = [:]
    fileprivate var uploads: [Int32: (bytes: [UInt8], sent: Int, trailers: [(String, String)])] =
        [:]

    /// Windows that stay shut until `open` are `manualWindows`.
    init(window: Int32? = nil, connectionWindow: Int32? = nil, manualWindows: Bool = false) {
        var callbacks: OpaquePointer?
        nghttp2_session_callbacks_new(&callbacks)
        nghttp2_session_callbacks_set_on_header_callback(callbacks) {
            _, frame, name, nameCount, value, valueCount, _, user in
            let name = String(
                decoding: UnsafeBufferPointer(start: name, count: nameCount), as: UTF8.self)
            let value = String(
                decoding: UnsafeBufferPointer(start: value, count: valueCount), as: UTF8.self)
            client(user).field(frame!.pointee, name, value)
            return 0
        }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) {
            _, _, stream, data, count, user in
            client(user).answers[stream, default: HTTP2Answer()].body.append(
                contentsOf: UnsafeBufferPointer(start: data, count: count))
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, user in
            client(user).received(frame!.pointee)
            return 0
        }
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) {
            _, stream, code, user in
            client(user).answers[stream, default: HTTP2Answer()].closedWith = code
            return 0
        }
        var option: OpaquePointer?
        nghttp2_option_new(&option)
        if manualWindows { nghttp2_option_set_no_auto_window_update(option, 1) }
        nghttp2_session_client_new2(
            &session, callbacks, Unmanaged.passUnretained(self).toOpaque(), option)
        nghttp2_option_del(option)
        nghttp2_session_callbacks_del(callbacks)
        var entries: [nghttp2_settings_entry] = []
        if let window {
            entries.append(
                nghttp2_settings_entry(
                    settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue),
                    value: UInt32(window)))
        }
        nghttp2_submit_settings(session, 0, entries, entries.count)
        if let connectionWindow {
            nghttp2_session_set_local_window_size(session, 0, 0, connectionWindow)
        }
    }

    deinit { nghttp2_session_del(session) }

    /// Begins a request; its number.
    @discardableResult
    func request(
        _ method: String = "GET", _ path: String = "/", authority: String? = "host",
        fields: [(String, String)] = [], body: [UInt8]? = nil,
        trailers: [(String, String)] = []
    ) -> Int32 {
        var all = [(":method", method), (":scheme", "http"), (":path", path)]
        if let authority { all.append((":authority", authority)) }
        all += fields
        var number: Int32 = 0
        withPairs(all) { pairs in
            guard body != nil else {
                number = nghttp2_submit_request(session, nil, pairs, all.count, nil, nil)
                return
            }
            var provider = nghttp2_data_provider(
                source: nghttp2_data_source(ptr: nil),
                read_callback: { session, stream, buffer, count, flags, _, user in
                    client(user).upload(session, stream, buffer!, count, flags!)
                })
            number = nghttp2_submit_request(session, nil, pairs, all.count, &provider, nil)
        }
        if let body { uploads[number] = (body, 0, trailers) }
        return number
    }

    func upgrade(settings: [UInt8], isHead: Bool) -> Bool {
        nghttp2_session_upgrade2(session, settings, settings.count, isHead ? 1 : 0, nil) == 0
    }

    func reset(_ stream: Int32) {
        nghttp2_submit_rst_stream(session, 0, stream, NGHTTP2_CANCEL.rawValue)
    }

    func ping() { nghttp2_submit_ping(session, 0, nil) }

    /// Opens the windows of a stream and of the connection.
    func open(_ stream: Int32, by count: Int32) {
        nghttp2_submit_window_update(session, 0, stream, count)
        nghttp2_submit_window_update(session, 0, 0, count)
    }

    /// Bytes for the server.
    func output() -> [UInt8] {
        var result: [UInt8] = []
        while true {
            var bytes: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(session, &bytes)
            guard count > 0 else { return result }
            result.append(contentsOf: UnsafeBufferPointer(start: bytes, count: count))
        }
    }

    /// Bytes of the server; false when they break the protocol.
    @discardableResult
    func receive(_ bytes: [UInt8]) -> Bool {
        nghttp2_session_mem_recv(session, bytes, bytes.count) == bytes.count
    }

    var wantsRead: Bool { nghttp2_session_want_read(session) != 0 }

    private func field(_ frame: nghttp2_frame, _ name: String, _ value: String) {
        var answer = answers[frame.hd.stream_id] ?? HTTP2Answer()
        if name == ":status" {
            if value.hasPrefix("1") { answer.interim.append(value) } else { answer.status = value }
        } else if frame.headers.cat == NGHTTP2_HCAT_HEADERS,
            answer.interim.isEmpty
                || !answer.fields.isEmpty
        {
            answer.trailers[name] = value
        } else {
            answer.fields[name] = value
        }
        answers[frame.hd.stream_id] = answer
    }

    private func received(_ frame: nghttp2_frame) {
        let ends = UInt32(frame.hd.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0
        switch UInt32(frame.hd.type) {
        case NGHTTP2_HEADERS.rawValue, NGHTTP2_DATA.rawValue:
            if ends { answers[frame.hd.stream_id, default: HTTP2Answer()].isComplete = true }
        case NGHTTP2_GOAWAY.rawValue:
            goaways.append((frame.goaway.last_stream_id, frame.goaway.error_code))
        case NGHTTP2_PING.rawValue: pingAnswers += 1
        case NGHTTP2_SETTINGS.rawValue:
            for index in 0..<frame.settings.niv {
                let entry = frame.settings.iv[index]
                settings[entry.settings_id] = entry.value
            }
        default: break
        }
    }

    fileprivate func upload(
        _ session: OpaquePointer?, _ stream: Int32, _ buffer: UnsafeMutablePointer<UInt8>,
        _ atMost: Int, _ flags: UnsafeMutablePointer<UInt32>
    ) -> Int {
        guard let (bytes, sent, trailers) = uploads[stream] else { return 0 }
        let count = min(atMost, bytes.count - sent)
        for index in 0..<count { buffer[index] = bytes[sent + index] }
        uploads[stream]?.sent = sent + count
        if sent + count == bytes.count {
            flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
            if !trailers.isEmpty {
                flags.pointee |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
                withPairs(trailers) {
                    _ = nghttp2_submit_trailer(session, stream, $0, trailers.count)
                }
            }
        }
        return count
    }
}

private func client(_ user: UnsafeMutableRawPointer?) -> HTTP2Client {
    Unmanaged<HTTP2Client>.fromOpaque(user!).takeUnretainedValue()
}

private func withPairs(
    _ fields: [(String, String)], _ body: (UnsafePointer<nghttp2_nv>) -> Void
) {
    var bytes: [UInt8] = []
    var lengths: [(Int, Int)] = []
    for (name, value) in fields {
        bytes += Array(name.utf8) + Array(value.utf8)
        lengths.append((name.utf8.count, value.utf8.count))
    }
    bytes.append(0)
    bytes.withUnsafeMutableBufferPointer { buffer in
        var position = buffer.baseAddress!
        var pairs: [nghttp2_nv] = []
        for (name, value) in lengths {
            pairs.append(
                nghttp2_nv(
                    name: position, value: position + name, namelen: name, valuelen: value,
                    flags: 0))
            position += name + value
        }
        pairs.withUnsafeBufferPointer { body($0.baseAddress!) }
    }
}

/// Frames by hand, for what no proper client sends.
enum HTTP2Frame {
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    static func make(
        _ type: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []
    ) -> [UInt8] {
        let count = payload.count
        return [UInt8(count >> 16), UInt8(count >> 8 & 255), UInt8(count & 255), type, flags]
            + word(stream) + payload
    }

    static func word(_ value: UInt32) -> [UInt8] {
        [UInt8(value >> 24), UInt8(value >> 16 & 255), UInt8(value >> 8 & 255), UInt8(value & 255)]
    }

    static func data(_ stream: UInt32, _ payload: [UInt8], ends: Bool = false) -> [UInt8] {
        make(0, flags: ends ? 1 : 0, stream: stream, payload)
    }

    static func headers(
        _ stream: UInt32, _ block: [UInt8], ends: Bool = true, complete: Bool = true
    ) -> [UInt8] {
        make(1, flags: (ends ? 1 : 0) | (complete ? 4 : 0), stream: stream, block)
    }

    static func priority(_ stream: UInt32, on parent: UInt32 = 0) -> [UInt8] {
        make(2, stream: stream, word(parent) + [16])
    }

    static func reset(_ stream: UInt32, _ code: UInt32 = 8) -> [UInt8] {
        make(3, stream: stream, word(code))
    }

    static func settings(_ entries: [(UInt8, UInt32)] = [], ack: Bool = false) -> [UInt8] {
        make(4, flags: ack ? 1 : 0, entries.flatMap { [0, $0.0] + word($0.1) })
    }

    static func ping() -> [UInt8] { make(6, Array(repeating: 7, count: 8)) }

    static func windowUpdate(_ stream: UInt32, _ count: UInt32) -> [UInt8] {
        make(8, stream: stream, word(count))
    }

    static func continuation(_ stream: UInt32, _ block: [UInt8], complete: Bool) -> [UInt8] {
        make(9, flags: complete ? 4 : 0, stream: stream, block)
    }

    /// A literal field without indexing (RFC 7541 section 6.2.2), without Huffman coding.
    static func field(_ name: String, _ value: String) -> [UInt8] {
        [0] + text(name) + text(value)
    }

    /// A string with its length as an integer of a 7-bit prefix.
    static func text(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        guard bytes.count >= 127 else { return [UInt8(bytes.count)] + bytes }
        var length: [UInt8] = [127]
        var rest = bytes.count - 127
        while rest >= 128 {
            length.append(UInt8(rest & 127 | 128))
            rest >>= 7
        }
        return length + [UInt8(rest)] + bytes
    }

    static func list(
        _ method: String = "GET", _ path: String = "/", _ more: [(String, String)] = []
    ) -> [UInt8] {
        var block =
            field(":method", method) + field(":scheme", "http") + field(":path", path)
            + field(":authority", "host")
        for (name, value) in more { block += field(name, value) }
        return block
    }
}
