import HTTP
import Primitives
import Testing

/// Sends pieces until the server has enough; how many it took. Other streams were served before.
private func flood(
    _ wire: HTTP2Wire, atMost: Int = 100_000, _ piece: (Int) -> [UInt8]
) -> Int {
    #expect(wire.serves(1))
    for index in 0..<atMost where !wire.send(piece(index)) { return index + 1 }
    return atMost
}

private let calm: UInt32 = 11
private let tokens = Limits().http2ControlFramesMax

@Test func rapidResetEndsTheConnection() {
    let wire = HTTP2Wire()
    wire.host.answersAtOnce = true
    #expect(wire.serves(1))
    wire.host.answersAtOnce = false
    var taken = 0
    for index in 1..<50_000 {
        let stream = UInt32(2 * index + 1)
        taken = index
        let pair = HTTP2Frame.headers(stream, HTTP2Frame.list()) + HTTP2Frame.reset(stream)
        guard wire.send(pair) else { break }
    }
    #expect(taken <= tokens / 2 + 10 && wire.goaway == calm && wire.host.session.isFlooding)
    #expect(wire.host.session.isFinished)
    // A stream that came and went in one read was never handed out.
    #expect(wire.host.seen.count == 1 && wire.host.session.outstandingCount == 0)
}

@Test func cancelledRequestsCostTooWhenTheyAreHandedOutFirst() {
    let wire = HTTP2Wire()
    wire.host.answersAtOnce = false
    var stream: UInt32 = 1
    while wire.send(HTTP2Frame.headers(stream, HTTP2Frame.list())),
        wire.send(HTTP2Frame.reset(stream))
    {
        stream += 2
    }
    #expect(stream < 2 * UInt32(tokens) && wire.goaway == calm)
    #expect(wire.host.seen.count > tokens / 2 - 10)
    #expect(wire.host.seen.count - wire.host.cancelled.count <= 1)
}

/// A client that is busy and cancels a tenth of its requests goes on for ever.
@Test func honestCancellationIsNoAttack() {
    let wire = HTTP2Wire()
    for index in 0..<10_000 {
        let stream = UInt32(2 * index + 1)
        wire.host.answersAtOnce = index % 10 != 0
        #expect(wire.send(HTTP2Frame.headers(stream, HTTP2Frame.list())))
        if index % 10 == 0 { #expect(wire.send(HTTP2Frame.reset(stream))) }
    }
    #expect(!wire.host.session.isFlooding && wire.host.cancelled.count == 1_000)
}

@Test func timeRefillsTheBudget() {
    let wire = HTTP2Wire()
    for _ in 0..<10 {
        for _ in 0..<tokens - 100 { #expect(wire.send(HTTP2Frame.ping())) }
        wire.host.now += 10_000
    }
    #expect(wire.goaway == nil)
}

/// MadeYouReset: malformed frames make the server reset streams that it works on.
@Test func madeYouResetEndsTheConnection() {
    let wire = HTTP2Wire()
    #expect(wire.serves(1))
    wire.host.answersAtOnce = false
    var stream: UInt32 = 3
    // A window beyond 2^31 - 1 is a stream error (RFC 9113 section 6.9.1).
    while wire.send(
        HTTP2Frame.headers(stream, HTTP2Frame.list())
            + HTTP2Frame.windowUpdate(stream, 0x7FFF_FFFF))
    {
        stream += 2
        guard stream < 100_000 else { break }
    }
    #expect(stream / 2 <= UInt32(tokens / 2) && wire.goaway == calm)
    #expect(wire.reset(3) == 3)
    #expect(
        wire.host.session.outstandingCount == wire.host.seen.count - 1 - wire.host.cancelled.count)
}

@Test func pingSettingsPriorityAndWindowFramesAreBudgeted() {
    let pieces: [(String, [UInt8])] = [
        ("PING", HTTP2Frame.ping()), ("SETTINGS", HTTP2Frame.settings([(3, 100)])),
        ("PRIORITY", HTTP2Frame.priority(5, on: 3)),
        ("WINDOW_UPDATE", HTTP2Frame.windowUpdate(0, 1)),
        ("unknown", HTTP2Frame.make(0xEE, flags: 0xFF, stream: 9, [1, 2, 3])),
        ("PING ACK", HTTP2Frame.make(6, flags: 1, Array(repeating: 0, count: 8))),
        ("RST_STREAM of a closed stream", HTTP2Frame.reset(1)),
    ]
    for (name, piece) in pieces {
        let wire = HTTP2Wire()
        let taken = flood(wire) { _ in piece }
        #expect(taken <= tokens + 10, "\(name): \(taken)")
        #expect(wire.goaway == calm && wire.host.session.isFinished, "\(name)")
        #expect(wire.host.session.nextLimitHit() == .controlFrames, "\(name)")
        #expect(wire.host.session.nextLimitHit() == nil, "\(name)")
    }
}

/// The client sends and never reads: what waits for it stays small.
@Test func floodWithoutReadingIsBounded() {
    let host = HTTP2Host()
    host.receive(HTTP2Frame.preface + HTTP2Frame.settings())
    var goesOn = true
    for _ in 0..<100 where goesOn {
        let pings = (0..<1000).flatMap { _ in HTTP2Frame.ping() }
        goesOn = host.receive(pings)
    }
    #expect(!goesOn && host.session.isFlooding)
    #expect(host.output().count < 64 << 10)
    #expect(host.session.isFinished)
}

@Test func emptyDataFramesAreBudgeted() {
    for payload: (flags: UInt8, bytes: [UInt8]) in [(0, []), (8, [3, 0, 0, 0])] {
        let wire = HTTP2Wire()
        #expect(wire.serves(1))
        wire.send(HTTP2Frame.headers(3, HTTP2Frame.list("POST"), ends: false))
        var taken = 0
        while wire.send(HTTP2Frame.make(0, flags: payload.flags, stream: 3, payload.bytes)) {
            taken += 1
            guard taken < 100_000 else { break }
        }
        #expect(taken <= tokens && wire.goaway == calm)
    }
}

@Test func continuationFloodIsCutShort() {
    let wire = HTTP2Wire()
    #expect(wire.serves(1))
    wire.send(HTTP2Frame.headers(3, HTTP2Frame.list(), ends: true, complete: false))
    var taken = 0
    while wire.send(HTTP2Frame.continuation(3, HTTP2Frame.field("x", "y"), complete: false)) {
        taken += 1
        guard taken < 10_000 else { break }
    }
    #expect(taken < 20 && wire.goaway == calm && wire.host.session.isFlooding)
    #expect(wire.host.bufferedBytesPeak < 1000)
}

/// nghttp2 1.52 of Debian counts every part of a header that comes in pieces.
@Test func continuationByteByByteIsNoFlood() {
    let (wire, block) = (HTTP2Wire(), HTTP2Frame.list())
    var input = HTTP2Frame.headers(1, Array(block[..<5]), complete: false)
    for index in 5..<12 {
        input += HTTP2Frame.continuation(1, [block[index]], complete: false)
    }
    input += HTTP2Frame.continuation(1, Array(block[12...]), complete: true)
    for byte in input { #expect(wire.send([byte])) }
    #expect(wire.isAnswered(1) && wire.goaway == nil && wire.host.seen.count == 1)
}

/// A block of one-byte references to one large entry of the table.
@Test func headerBombEndsTheConnection() {
    let wire = HTTP2Wire()
    #expect(wire.serves(1))
    // Literal with incremental indexing (RFC 7541 section 6.2.1), then references to index 62.
    var block = HTTP2Frame.list()
    block += [0x40] + HTTP2Frame.text("x") + HTTP2Frame.text(String(repeating: "y", count: 4000))
    block += Array(repeating: 0x80 | 62, count: 12_000)
    let goesOn = wire.send(HTTP2Frame.headers(3, block))
    #expect(!goesOn && wire.goaway == calm)
    #expect(wire.host.session.nextLimitHit() == .headerBytes)
    #expect(wire.host.bufferedBytesPeak <= Limits().headerBytesMax)
}

@Test func largeHeaderIsAnsweredAndTheConnectionGoesOn() {
    let wire = HTTP2Wire()
    var block = HTTP2Frame.list()
    block += [0x40] + HTTP2Frame.text("x") + HTTP2Frame.text(String(repeating: "y", count: 3900))
    block += Array(repeating: 0x80 | 62, count: 12)
    #expect(wire.send(HTTP2Frame.headers(3, block)))
    #expect(wire.host.seen.map(\.refusal) == [.headerTooLarge] && wire.isAnswered(3))
    let fields = (0..<101).map { ("x\($0)", "") }
    #expect(wire.send(HTTP2Frame.headers(5, HTTP2Frame.list("GET", "/", fields))))
    #expect(wire.host.seen.last?.refusal == .tooManyFields && wire.isAnswered(5))
    let path = "/" + String(repeating: "p", count: Limits().targetBytesMax)
    #expect(wire.send(HTTP2Frame.headers(7, HTTP2Frame.list("GET", path))))
    #expect(wire.host.seen.last?.refusal == .targetTooLong && wire.isAnswered(7))
    #expect(wire.serves(9) && wire.host.session.isIdle)
}

@Test func tooManyStreamsAreRefused() {
    let wire = HTTP2Wire()
    wire.host.answersAtOnce = false
    let count = Limits().http2StreamsMax
    for index in 0..<count {
        wire.send(HTTP2Frame.headers(UInt32(2 * index + 1), HTTP2Frame.list()))
    }
    #expect(wire.host.seen.count == count && wire.goaway == nil)
    wire.send(HTTP2Frame.headers(UInt32(2 * count + 1), HTTP2Frame.list()))
    #expect(wire.goaway == 1 && wire.host.seen.count == count)
    #expect(wire.host.session.nextLimitHit() == .streams)
}

@Test func largeBodyIsRefusedAtOnce() {
    var limits = Limits()
    limits.bodyBytesMax = 1000
    let wire = HTTP2Wire(HTTP2Host(limits: limits))
    wire.send(
        HTTP2Frame.headers(
            1, HTTP2Frame.list("POST", "/", [("content-length", "1001")]), ends: false))
    #expect(wire.host.seen.map(\.refusal) == [.bodyTooLarge])
    #expect(wire.isAnswered(1) && wire.reset(1) == nil)
    wire.send(HTTP2Frame.headers(3, HTTP2Frame.list("POST"), ends: false))
    wire.send(HTTP2Frame.data(3, Array(repeating: 1, count: 1000)))
    #expect(wire.host.seen.count == 1)
    wire.send(HTTP2Frame.data(3, [1]))
    #expect(wire.host.seen.last?.refusal == .bodyTooLarge && wire.isAnswered(3))
    // What is still on its way is thrown away.
    #expect(wire.send(HTTP2Frame.data(3, Array(repeating: 1, count: 1000))))
    #expect(wire.serves(5) && wire.host.session.bufferedBytes == 0)
}

@Test func bodiesOfAllStreamsTogetherAreBounded() {
    var limits = Limits()
    limits.http2BufferedBytesMax = 50_000
    let wire = HTTP2Wire(HTTP2Host(limits: limits))
    for index in 0..<20 {
        let stream = UInt32(2 * index + 1)
        wire.send(HTTP2Frame.headers(stream, HTTP2Frame.list("POST"), ends: false))
        wire.send(HTTP2Frame.data(stream, Array(repeating: 1, count: 10_000)))
    }
    #expect(wire.host.bufferedBytesPeak <= 52_000)
    #expect(wire.host.seen.count == 16)
    #expect(wire.host.seen.allSatisfy { $0.refusal == .tooMuchBuffered })
    for stream: UInt32 in [1, 3, 5, 7] { wire.send(HTTP2Frame.data(stream, [], ends: true)) }
    #expect(wire.host.seen.suffix(4).allSatisfy { $0.body.count == 10_000 })
}

@Test func bodiesOfAllConnectionsOfALoopAreBounded() {
    var limits = Limits()
    limits.http2LoopBufferedBytesMax = 50_000
    let allocator = HTTP2Allocator(limits: limits)
    let wires = (0..<10).map { _ in HTTP2Wire(HTTP2Host(limits: limits, allocator: allocator)) }
    for wire in wires {
        wire.send(HTTP2Frame.headers(1, HTTP2Frame.list("POST"), ends: false))
        wire.send(HTTP2Frame.data(1, Array(repeating: 1, count: 12_000)))
    }
    #expect(wires.map(\.host.session.bufferedBytes).reduce(0, +) <= 50_000)
    #expect(wires.filter { $0.host.seen.isEmpty }.count == 4)
    #expect(wires.flatMap(\.host.seen).allSatisfy { $0.refusal == .tooMuchBuffered })
    // One that ends makes room for another.
    wires[0].send(HTTP2Frame.data(1, [], ends: true))
    #expect(wires[0].host.seen.last?.body.count == 12_000)
    wires[9].send(HTTP2Frame.headers(3, HTTP2Frame.list("POST"), ends: false))
    wires[9].send(HTTP2Frame.data(3, Array(repeating: 1, count: 12_000), ends: true))
    #expect(wires[9].host.seen.last?.body.count == 12_000)
}

/// Many streams with large heads that wait for a body: heads count as buffered bytes too.
@Test func headsOfAllStreamsTogetherAreBounded() {
    var limits = Limits()
    limits.http2BufferedBytesMax = 100_000
    let wire = HTTP2Wire(HTTP2Host(limits: limits))
    let large = String(repeating: "y", count: 15_000)
    for index in 0..<20 {
        let stream = UInt32(2 * index + 1)
        wire.send(
            HTTP2Frame.headers(stream, HTTP2Frame.list("POST", "/", [("x", large)]), ends: false))
    }
    #expect(wire.host.bufferedBytesPeak <= 100_000)
    #expect(wire.host.seen.count >= 14 && wire.goaway == nil)
    #expect(wire.host.seen.allSatisfy { $0.refusal == .tooMuchBuffered })
}

/// Small frames for a stream that we have reset cost; full ones crossed our reset.
@Test func dataOfStreamsThatAreGoneIsBudgeted() {
    for (count, ends) in [(1, true), (16_000, false)] {
        let wire = HTTP2Wire()
        wire.send(
            HTTP2Frame.headers(1, HTTP2Frame.list("POST"), ends: false)
                + HTTP2Frame.windowUpdate(1, 0x7FFF_FFFF))
        #expect(wire.reset(1) == 3)
        let piece = HTTP2Frame.data(1, Array(repeating: 1, count: count))
        var taken = 0
        while taken < 3 * tokens, wire.send(piece) { taken += 1 }
        #expect((wire.goaway == calm) == ends && (taken < tokens + 10) == ends)
    }
}

/// Damaged input of every kind ends in answers, refusals or the end of the connection; and a session
/// gives back all that it held.
@Test func damagedInputNeverBreaksASession() {
    let client = HTTP2Client()
    client.request("POST", "/p?q", fields: [("x", "1")], body: [1, 2, 3], trailers: [("t", "v")])
    client.request("GET", "/", fields: [("accept", "text/csv")])
    client.ping()
    let input = client.output()
    var random = SplitMix(state: 2026)
    for _ in 0..<5_000 {
        var damaged = input
        for _ in 0...random.below(4) {
            let position = 24 + random.below(damaged.count - 24)
            switch random.below(4) {
            case 0: damaged[position] = UInt8(random.below(256))
            case 1: damaged[position] ^= 1 << UInt8(random.below(8))
            case 2: damaged.remove(at: position)
            default: damaged.insert(UInt8(random.below(256)), at: position)
            }
        }
        let host = HTTP2Host()
        host.answersAtOnce = random.below(2) == 0
        let cut = random.below(damaged.count)
        host.receive(Array(damaged[..<cut]))
        if random.below(2) == 0 { _ = host.output() }
        host.receive(Array(damaged[cut...]))
        for seen in host.seen { host.respond(seen.stream, [1, 2, 3]) }
        _ = host.output()
        #expect(host.session.outstandingCount == 0 && host.session.incompleteCount <= 2)
        #expect(host.session.pendingAnswerBytes <= 6 && host.session.bufferedBytes < 200)
    }
}

private struct SplitMix {
    var state: UInt64

    mutating func below(_ bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return Int((z ^ z >> 31) % UInt64(bound))
    }
}
