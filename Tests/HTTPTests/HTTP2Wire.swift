/// What the server sent, frame by frame, for tests that write the client's frames by hand.
final class HTTP2Wire {
    struct Frame: Equatable {
        var type: UInt8
        var flags: UInt8
        var stream: UInt32
        var payload: [UInt8]
    }

    let host: HTTP2Host
    private(set) var frames: [Frame] = []

    /// A connection that is past its preface and settings.
    init(_ host: HTTP2Host = HTTP2Host()) {
        self.host = host
        send(HTTP2Frame.preface + HTTP2Frame.settings() + HTTP2Frame.settings(ack: true))
    }

    /// Gives bytes to the server and reads what it answers; false when it wants no more.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        let goesOn = host.receive(bytes)
        read(host.output())
        return goesOn
    }

    private func read(_ bytes: [UInt8]) {
        var position = 0
        func number(_ at: Int) -> UInt32 {
            bytes[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) }
        }
        while position < bytes.count {
            let count = Int(number(position) >> 8)
            let end = position + 9 + count
            frames.append(
                Frame(
                    type: bytes[position + 3], flags: bytes[position + 4],
                    stream: number(position + 5), payload: Array(bytes[position + 9..<end])))
            position = end
        }
    }

    private func code(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// The code of the last GOAWAY.
    var goaway: UInt32? {
        frames.last { $0.type == 7 }.map { code($0.payload[4...]) }
    }

    /// The code of RST_STREAM for a stream.
    func reset(_ stream: UInt32) -> UInt32? {
        frames.last { $0.type == 3 && $0.stream == stream }.map { code($0.payload[...]) }
    }

    /// Whether the stream's answer came to its end.
    func isAnswered(_ stream: UInt32) -> Bool {
        frames.contains { $0.type <= 1 && $0.stream == stream && $0.flags & 1 != 0 }
    }

    /// Whether a request on this stream is served now.
    func serves(_ stream: UInt32) -> Bool {
        send(HTTP2Frame.headers(stream, HTTP2Frame.list()))
        return isAnswered(stream)
    }
}
