import HTTP
import Primitives
import Testing

// The main cases of h2spec: what ends the connection, and what ends a stream only.

private let protocolError: UInt32 = 1
private let flowControlError: UInt32 = 3
private let streamClosed: UInt32 = 5
private let frameSizeError: UInt32 = 6
private let compressionError: UInt32 = 9

private func goaway(_ bytes: [UInt8]) -> UInt32? {
    let wire = HTTP2Wire()
    wire.send(bytes)
    #expect(wire.goaway == nil || wire.host.session.isFinished)
    return wire.goaway
}

private let get = HTTP2Frame.headers(1, HTTP2Frame.list())
private let post = HTTP2Frame.headers(1, HTTP2Frame.list("POST"), ends: false)

@Test func connectionErrorsOfSection4To6() {
    // 3.4: no preface, or no SETTINGS behind it.
    for bytes in [Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8), HTTP2Frame.preface + get] {
        let host = HTTP2Host()
        host.receive(bytes)
        #expect(host.seen.isEmpty)
        _ = host.output()
        #expect(host.session.isFinished)
    }
    // 4.2: a frame above SETTINGS_MAX_FRAME_SIZE.
    #expect(goaway(post + HTTP2Frame.data(1, Array(repeating: 0, count: 16_385))) == frameSizeError)
    // 4.3: a header block that does not decode.
    #expect(goaway(HTTP2Frame.headers(1, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF])) == compressionError)
    // 5.1: frames on an idle stream.
    #expect(goaway(HTTP2Frame.data(1, [1])) == protocolError)
    #expect(goaway(HTTP2Frame.reset(1)) == protocolError)
    #expect(goaway(HTTP2Frame.windowUpdate(1, 1)) == protocolError)
    // 5.1.1: even and falling stream numbers.
    #expect(goaway(HTTP2Frame.headers(2, HTTP2Frame.list())) == protocolError)
    // 5.1.1: a number below one that was used, which closed it.
    #expect(
        goaway(HTTP2Frame.headers(5, HTTP2Frame.list()) + HTTP2Frame.headers(3, HTTP2Frame.list()))
            == protocolError)
    // 5.1: HEADERS of a stream that the client itself has ended.
    #expect(goaway(get + HTTP2Frame.reset(1) + get) == streamClosed)
    // RFC 7540, 5.3.1: a stream that depends on itself, by PRIORITY and by HEADERS.
    #expect(goaway(HTTP2Frame.priority(5, on: 5)) == protocolError)
    #expect(
        goaway(
            HTTP2Frame.make(
                1, flags: 0x25, stream: 1, HTTP2Frame.word(1) + [16] + HTTP2Frame.list()))
            == protocolError)
    // 6.3: PRIORITY on stream 0, and of a wrong size.
    #expect(goaway(HTTP2Frame.priority(0, on: 5)) == protocolError)
    #expect(goaway(get + HTTP2Frame.make(2, stream: 1, [0, 0, 0, 3])) == frameSizeError)
    // 6.1, 6.2, 6.3: stream 0; more padding than payload.
    #expect(goaway(HTTP2Frame.data(0, [1])) == protocolError)
    #expect(goaway(post + HTTP2Frame.make(0, flags: 8, stream: 1, [5, 0])) == protocolError)
    #expect(goaway(HTTP2Frame.headers(0, HTTP2Frame.list())) == protocolError)
    // 6.2: anything but CONTINUATION inside a header block.
    let open = HTTP2Frame.headers(1, HTTP2Frame.list(), complete: false)
    #expect(goaway(open + HTTP2Frame.ping()) == protocolError)
    // 6.4: RST_STREAM of a wrong size.
    #expect(goaway(get + HTTP2Frame.make(3, stream: 1, [0, 0, 0])) == frameSizeError)
    // 6.5: SETTINGS with a stream, an ACK with payload, a wrong size, bad values.
    #expect(goaway(HTTP2Frame.make(4, stream: 1)) == protocolError)
    #expect(goaway(HTTP2Frame.make(4, flags: 1, [0])) == frameSizeError)
    #expect(goaway(HTTP2Frame.make(4, [0, 3, 0])) == frameSizeError)
    #expect(goaway(HTTP2Frame.settings([(2, 2)])) == protocolError)
    #expect(goaway(HTTP2Frame.settings([(4, 0x8000_0000)])) == flowControlError)
    #expect(goaway(HTTP2Frame.settings([(5, 100)])) == protocolError)
    // 6.6: a client never pushes.
    #expect(goaway(HTTP2Frame.make(5, flags: 4, stream: 1, [0, 0, 0, 2])) == protocolError)
    // 6.7, 6.8: PING and GOAWAY.
    #expect(goaway(HTTP2Frame.make(6, [0])) == frameSizeError)
    #expect(goaway(HTTP2Frame.make(6, stream: 1, Array(repeating: 0, count: 8))) == protocolError)
    #expect(
        goaway(HTTP2Frame.make(7, stream: 1, Array(repeating: 0, count: 8))) == protocolError)
    // 6.9: WINDOW_UPDATE.
    #expect(goaway(HTTP2Frame.windowUpdate(0, 0)) == protocolError)
    #expect(goaway(HTTP2Frame.windowUpdate(0, 0x7FFF_FFFF)) == flowControlError)
    #expect(goaway(HTTP2Frame.make(8, [0, 0, 1])) == frameSizeError)
    // 6.10: CONTINUATION without a block.
    #expect(goaway(get + HTTP2Frame.continuation(1, [], complete: true)) == protocolError)
}

@Test func framesOnAHalfClosedStreamEndTheConnection() {
    let host = HTTP2Host()
    host.answersAtOnce = false
    let wire = HTTP2Wire(host)
    wire.send(get)
    wire.send(HTTP2Frame.data(1, [1]))
    #expect(wire.goaway == streamClosed)
}

@Test func framesOnAClosedStreamAreAnErrorOnce() {
    let wire = HTTP2Wire()
    #expect(wire.serves(1))
    // 5.1: DATA is an error of the stream; the connection goes on.
    wire.send(HTTP2Frame.data(1, [1]))
    #expect(wire.reset(1) == streamClosed && wire.goaway == nil && wire.serves(3))
    wire.send(HTTP2Frame.headers(3, HTTP2Frame.list()))
    #expect(wire.goaway == streamClosed && wire.host.seen.count == 2)
}

@Test func framesThatCrossOurResetAreIgnored() {
    let wire = HTTP2Wire()
    // 6.9.1: a window beyond 2^31 - 1 is an error of the stream; we reset it, and what was sent
    // before the client knows is no error of its.
    wire.send(post + HTTP2Frame.windowUpdate(1, 0x7FFF_FFFF))
    #expect(wire.reset(1) == flowControlError)
    wire.send(HTTP2Frame.data(1, [1, 2, 3]))
    wire.send(HTTP2Frame.headers(1, HTTP2Frame.field("x-end", "1")))
    #expect(wire.goaway == nil && wire.reset(1) == flowControlError && wire.serves(3))
}

@Test func whatIsAllowedIsIgnored() {
    let wire = HTTP2Wire()
    // 4.1, 5.5: unknown frames; 6.3: PRIORITY on an idle stream; 5.1: PRIORITY and WINDOW_UPDATE
    // and RST_STREAM on a closed one; 6.5.2: unknown settings; unknown flags of PING.
    wire.send(HTTP2Frame.make(0x16, flags: 0xFF, [1, 2, 3]))
    wire.send(HTTP2Frame.priority(5))
    #expect(wire.serves(7))
    wire.send(HTTP2Frame.priority(7) + HTTP2Frame.windowUpdate(7, 1) + HTTP2Frame.reset(7))
    wire.send(HTTP2Frame.settings([(0xEE, 7)]))
    wire.send(HTTP2Frame.make(6, flags: 0x16, Array(repeating: 0, count: 8)))
    #expect(wire.frames.contains { $0.type == 6 && $0.flags == 1 })
    #expect(wire.serves(9) && wire.goaway == nil)
}

@Test func streamErrorsLeaveTheConnection() {
    let wire = HTTP2Wire()
    wire.host.answersAtOnce = false
    // 6.9.1: a window beyond 2^31 - 1.
    wire.send(get + HTTP2Frame.windowUpdate(1, 0x7FFF_FFFF))
    #expect(wire.reset(1) == flowControlError && wire.host.cancelled == [1])
    wire.host.answersAtOnce = true
    #expect(wire.serves(3) && wire.goaway == nil)
}

/// RFC 9113 section 8: malformed requests are stream errors, and are never seen.
@Test(arguments: [
    HTTP2Frame.list("GET", "/", [("X-Upper", "1")]),
    HTTP2Frame.list("GET", "/", [("connection", "close")]),
    HTTP2Frame.list("GET", "/", [("keep-alive", "1")]),
    HTTP2Frame.list("GET", "/", [("transfer-encoding", "chunked")]),
    HTTP2Frame.list("GET", "/", [("upgrade", "h2c")]),
    HTTP2Frame.list("GET", "/", [("te", "gzip")]),
    HTTP2Frame.list("GET", "/", [("x", "a\nb")]),
    HTTP2Frame.list("GET", "/", [("x", "a\0b")]),
    HTTP2Frame.list("GET", "/", [("x", " a")]),
    HTTP2Frame.list("GET", "/", [("x y", "a")]),
    HTTP2Frame.list("GET", "/", [("", "a")]),
    HTTP2Frame.list("GET", "/", [("content-length", "1"), ("content-length", "1")]),
    HTTP2Frame.list("GET", "/", [("content-length", "-1")]),
    HTTP2Frame.list("GET", "/", [("content-length", "1")]),
    HTTP2Frame.list("GET", "/", [(":path", "/again")]),
    HTTP2Frame.list("GET", "/", [("x", "1"), (":late", "1")]),
    HTTP2Frame.list("GET", "/", [(":unknown", "1")]),
    HTTP2Frame.list("GET", "/", [(":status", "200")]),
    HTTP2Frame.list("GET", "/", [(":protocol", "websocket")]),
    HTTP2Frame.list("GET", ""), HTTP2Frame.list("GET", "relative"),
    HTTP2Frame.list("GET", "*"), HTTP2Frame.list("", "/"), HTTP2Frame.list("GE T", "/"),
    HTTP2Frame.field(":method", "GET") + HTTP2Frame.field(":path", "/"),
    HTTP2Frame.field(":method", "GET") + HTTP2Frame.field(":scheme", "http"),
    HTTP2Frame.field(":scheme", "http") + HTTP2Frame.field(":path", "/"),
    HTTP2Frame.field(":method", "GET") + HTTP2Frame.field(":scheme", "http")
        + HTTP2Frame.field(":path", "/"),
    HTTP2Frame.field(":method", "CONNECT") + HTTP2Frame.field(":authority", "h")
        + HTTP2Frame.field(":path", "/"),
])
func malformedRequestIsAStreamError(block: [UInt8]) {
    let wire = HTTP2Wire()
    wire.send(HTTP2Frame.headers(1, block))
    #expect(wire.reset(1) == protocolError && wire.host.seen.isEmpty)
    #expect(wire.serves(3) && wire.goaway == nil && wire.host.session.isIdle)
    #expect(wire.host.session.bufferedBytes == 0)
}

@Test func bodyThatContradictsItsLengthIsAStreamError() {
    for body in [HTTP2Frame.data(1, [1, 2], ends: true), HTTP2Frame.data(1, [1, 2, 3, 4])] {
        let wire = HTTP2Wire()
        let block = HTTP2Frame.list("POST", "/", [("content-length", "3")])
        wire.send(HTTP2Frame.headers(1, block, ends: false) + body)
        #expect(wire.reset(1) == protocolError && wire.host.seen.isEmpty)
        #expect(wire.serves(3))
    }
}

@Test func trailersAreHeldToTheRules() {
    for trailer in [
        HTTP2Frame.headers(1, HTTP2Frame.field(":path", "/")),
        HTTP2Frame.headers(1, HTTP2Frame.field("Upper", "1")),
        HTTP2Frame.headers(1, HTTP2Frame.field("x", "1"), ends: false),
    ] {
        let wire = HTTP2Wire()
        wire.send(post + HTTP2Frame.data(1, [1]) + trailer)
        #expect(wire.reset(1) == protocolError && wire.host.seen.isEmpty)
        #expect(wire.serves(3))
    }
}

/// What nghttp2 lets through is held to HTTP/1.1's rules, and is answered.
@Test func requestsThatHTTP1RefusesAreRefused() {
    let cases: [([UInt8], HTTPRefusal)] = [
        (HTTP2Frame.list("BREW"), .unknownMethod),
        (HTTP2Frame.list("GET", "/a#b"), .badTarget),
        (HTTP2Frame.list("GET", "/", [("host", "other")]), .badHost),
        (HTTP2Frame.list("GET", "/", [("expect", "200-ok")]), .badExpectation),
        (
            HTTP2Frame.field(":method", "GET") + HTTP2Frame.field(":scheme", "http")
                + HTTP2Frame.field(":path", "/") + HTTP2Frame.field(":authority", "user@host"),
            .badHost
        ),
    ]
    let wire = HTTP2Wire()
    for (index, (block, refusal)) in cases.enumerated() {
        let stream = UInt32(2 * index + 1)
        wire.send(HTTP2Frame.headers(stream, block))
        #expect(wire.host.seen.last?.refusal == refusal, "\(refusal)")
        #expect(wire.isAnswered(stream))
    }
    #expect(wire.host.session.isIdle && wire.goaway == nil)
}

@Test func hostAndFormsOfTheTarget() {
    let wire = HTTP2Wire()
    wire.send(HTTP2Frame.headers(1, HTTP2Frame.list("OPTIONS", "*", [("host", "HOST")])))
    let plain =
        HTTP2Frame.field(":method", "GET") + HTTP2Frame.field(":scheme", "http")
        + HTTP2Frame.field(":path", "/p?q=1?2") + HTTP2Frame.field("host", "only")
    wire.send(HTTP2Frame.headers(3, plain))
    let connect =
        HTTP2Frame.field(":method", "CONNECT") + HTTP2Frame.field(":authority", "a:443")
    wire.send(HTTP2Frame.headers(5, connect))
    #expect(wire.host.seen.map(\.line) == ["OPTIONS *", "GET /p?q=1?2", "CONNECT a:443"])
    #expect(wire.host.seen.map(\.host) == ["host", "only", "a:443"])
    #expect(wire.host.seen.allSatisfy { $0.refusal == nil })
}
