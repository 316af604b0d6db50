import HTTP
import Primitives
import Testing

// Answers that are out while the request still arrives, and requests that come too slowly.

private func limits(lingering bytes: Int = 100_000) -> Limits {
    var limits = Limits()
    limits.bodyBytesMax = 1000
    limits.lingerBytesMax = bytes
    return limits
}

/// A client that is busy sending reads the answer of a body that is too large, as a real client does.
@Test func clientThatSendsAllItsBodyFirstGetsTheEarlyAnswer() {
    let (client, host) = (HTTP2Client(), HTTP2Host(limits: limits(lingering: 8 << 20)))
    let body = Array(repeating: UInt8(7), count: 5 << 20)
    let stream = client.request("POST", "/p", body: body)
    host.exchange(with: client)
    let answer = client.answers[stream]
    #expect(answer?.status == "413" && answer?.isComplete == true && answer?.closedWith == 0)
    #expect(host.seen.map(\.refusal) == [.bodyTooLarge])
    #expect(host.bufferedBytesPeak < 20_000 && host.session.isIdle)
    #expect(host.session.lingeringCount == 0 && host.session.nextLimitHit() == nil)
    // The connection is as good as before.
    let next = client.request()
    host.exchange(with: client)
    #expect(client.answers[next]?.status == "200")
}

private func refused(_ limits: Limits) -> HTTP2Wire {
    let wire = HTTP2Wire(HTTP2Host(limits: limits))
    wire.send(HTTP2Frame.headers(1, HTTP2Frame.list("POST"), ends: false))
    wire.send(HTTP2Frame.data(1, Array(repeating: 1, count: 1001)))
    #expect(wire.host.seen.map(\.refusal) == [.bodyTooLarge] && wire.isAnswered(1))
    #expect(wire.reset(1) == nil && wire.host.session.lingeringCount == 1)
    return wire
}

@Test func lingeringEndsAtItsBytes() {
    let wire = refused(limits())
    let piece = HTTP2Frame.data(1, Array(repeating: 1, count: 10_000))
    var count = 0
    while wire.reset(1) == nil, count < 20 {
        #expect(wire.send(piece))
        count += 1
    }
    #expect(count == 10 && wire.reset(1) == 0 && wire.host.session.lingeringCount == 0)
    #expect(wire.host.session.nextLimitHit() == .linger && wire.goaway == nil)
    // What was on its way is no error, and other streams go on.
    #expect(wire.send(piece))
    #expect(wire.serves(3) && wire.host.session.isIdle && wire.host.session.bufferedBytes == 0)
}

@Test func lingeringEndsAtItsTime() {
    let wire = refused(limits())
    let due = wire.host.now + 2_000
    #expect(wire.host.session.nextExpiry == due)
    wire.host.session.expire(now: due - 1)
    #expect(wire.host.session.lingeringCount == 1 && wire.host.session.nextExpiry == due)
    wire.host.session.expire(now: due)
    wire.host.now = due
    #expect(wire.send(HTTP2Frame.ping()))
    #expect(wire.reset(1) == 0 && wire.host.session.nextLimitHit() == .linger)
    #expect(wire.host.session.isIdle && wire.host.session.nextExpiry == nil)
}

/// A client that goes on sending, however slowly, is given the time of a body.
@Test func lingeringGoesOnWhileBytesComeAndEndsInTheEnd() {
    let wire = refused(limits())
    let begun = wire.host.now
    while wire.reset(1) == nil, wire.host.now < begun + 100_000 {
        wire.host.now += 1_500
        wire.host.session.expire(now: wire.host.now)
        wire.send(HTTP2Frame.data(1, [1]))
    }
    #expect(wire.host.now == begun + UInt64(Limits().bodyMilliseconds))
    #expect(wire.reset(1) == 0 && wire.host.session.nextLimitHit() == .linger)
    #expect(wire.serves(3))
}

@Test func clientThatEndsOrResetsWhileWeLingerEndsTheStream() {
    for last in [
        HTTP2Frame.data(1, [1], ends: true), HTTP2Frame.reset(1),
        HTTP2Frame.headers(1, HTTP2Frame.field("x-end", "1")),
    ] {
        let wire = refused(limits())
        #expect(wire.send(last))
        #expect(wire.host.session.isIdle && wire.host.session.lingeringCount == 0)
        #expect(wire.host.session.pendingAnswerCount == 0 && wire.goaway == nil)
        #expect(wire.reset(1) == nil && wire.serves(3))
    }
}

/// The windows come back while we throw away, and for what comes before the answer is out.
@Test func windowsOfThrownAwayBytesAreGivenBack() {
    let wire = refused(limits(lingering: 32 << 20))
    let piece = HTTP2Frame.data(1, Array(repeating: 1, count: 16_384))
    for _ in 0..<1_000 { #expect(wire.send(piece)) }
    let given = wire.frames.filter { $0.type == 8 && $0.stream == 1 }
        .reduce(0) { $0 + $1.payload.reduce(0) { $0 << 8 | Int($1) } }
    #expect(given > 15_000_000 && wire.goaway == nil && wire.reset(1) == nil)
    #expect(wire.host.bufferedBytesPeak < 2_000)
}

/// Nobody reads the answer, so it is never out: no window is given beyond the bytes of lingering, and
/// who goes on sending breaks the flow control (RFC 9113 section 6.9.1).
@Test func bodyBehindAStuckAnswerIsBounded() {
    let wire = HTTP2Wire(HTTP2Host(limits: limits()))
    let host = wire.host
    host.receive(HTTP2Frame.headers(1, HTTP2Frame.list("POST"), ends: false))
    let piece = HTTP2Frame.data(1, Array(repeating: 1, count: 16_384))
    for _ in 0..<100 { host.receive(piece) }
    #expect(host.bufferedBytesPeak < 20_000 && host.seen.map(\.refusal) == [.bodyTooLarge])
    wire.send(HTTP2Frame.ping())
    #expect(wire.reset(1) == 3 && wire.goaway == nil && wire.serves(3))
    #expect(host.session.isIdle)
}

// MARK: Time

@Test func slowBodyExpiresAloneAndSlowHeaderEndsTheConnection() {
    let host = HTTP2Host()
    let (session, block) = (host.session, HTTP2Frame.list("POST", "/p"))
    let limits = Limits()
    host.now = 1_000
    host.receive(
        HTTP2Frame.preface + HTTP2Frame.settings() + HTTP2Frame.headers(1, block, ends: false))
    let grace = 1_000 + UInt64(limits.bodyGraceMilliseconds)
    #expect(session.nextExpiry == grace && session.incompleteCount == 1)
    // Bytes buy time, at the least rate.
    host.receive(HTTP2Frame.data(1, Array(repeating: 1, count: 5 * limits.bodyBytesPerSecondMin)))
    #expect(session.nextExpiry == grace + 5_000)
    session.expire(now: grace + 4_999)
    #expect(session.incompleteCount == 1)
    session.expire(now: grace + 5_000)
    host.receive(HTTP2Frame.ping())
    #expect(host.seen.map(\.refusal) == [.bodyTooSlow] && session.incompleteCount == 0)
    // At most so long, whatever the rate.
    host.now = 100_000
    host.receive(HTTP2Frame.headers(3, block, ends: false))
    host.receive(HTTP2Frame.data(3, Array(repeating: 1, count: 16_384)))
    for _ in 0..<5 { host.receive(HTTP2Frame.data(3, Array(repeating: 1, count: 16_384))) }
    let over = 100_000 + UInt64(limits.bodyMilliseconds)
    #expect(session.nextExpiry == over)
    session.expire(now: over)
    host.receive(HTTP2Frame.ping())
    #expect(host.seen.map(\.refusal) == [.bodyTooSlow, .bodyTimeout])
    _ = host.output()
    host.now = 200_000
    host.receive(HTTP2Frame.headers(5, Array(block[..<5]), ends: true, complete: false))
    #expect(session.nextExpiry == 102_000 + UInt64(limits.bodyMilliseconds))
    session.expire(now: 200_000 + UInt64(limits.headerMilliseconds))
    #expect(session.nextLimitHit() == .headerTime)
    _ = host.output()
    #expect(session.isFinished)
}
