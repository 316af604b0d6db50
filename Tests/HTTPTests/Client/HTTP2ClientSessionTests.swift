import HTTP
import Primitives
import Testing

/// Our client's session against our server's, over memory.
private final class Pair {
    let client: HTTP2ClientSession
    let host: HTTP2Host
    private(set) var answers: [HTTP2ClientAnswer] = []

    init(streams: Int = 100, limits: Limits = Limits()) {
        client = HTTP2ClientSession(
            limits: Limits(), allocator: HTTP2Allocator(limits: Limits()), streamsMax: streams)
        host = HTTP2Host(limits: limits)
    }

    func clientOutput(atMost: Int = 1 << 20) -> [UInt8] {
        var buffer = ByteBuffer()
        client.output(into: &buffer, atMost: atMost)
        while let answer = client.nextAnswer() { answers.append(answer) }
        return buffer.bytes
    }

    @discardableResult
    func clientReceive(_ bytes: [UInt8]) -> Bool {
        let goesOn = client.receive(bytes.span)
        while let answer = client.nextAnswer() { answers.append(answer) }
        return goesOn
    }

    /// Carries bytes both ways, in pieces, until neither side has any.
    func exchange(chunk: Int = 1 << 16) {
        while true {
            let up = clientOutput(atMost: chunk)
            for piece in pieces(up, chunk) { host.receive(piece) }
            let down = host.output(atMost: chunk)
            for piece in pieces(down, chunk) { clientReceive(piece) }
            if up.isEmpty, down.isEmpty { return }
        }
    }

    private func pieces(_ bytes: [UInt8], _ size: Int) -> [[UInt8]] {
        stride(from: 0, to: bytes.count, by: size).map {
            Array(bytes[$0..<min($0 + size, bytes.count)])
        }
    }
}

private func request(
    _ path: String = "/predict", body: [UInt8] = Array("{}".utf8),
    fields: [(name: String, value: String)] = [("content-type", "application/json")]
) -> HTTP2ClientRequest {
    HTTP2ClientRequest(
        method: body.isEmpty ? "GET" : "POST", scheme: "http", authority: "localhost:8080",
        path: path, fields: fields, body: body)
}

@Test(arguments: [1, 2, 9, 10, 1 << 16])
func requestsArriveWholeAndAnswersComeBackInAnySplit(chunk: Int) {
    let pair = Pair()
    let bodies = [[], Array("{}".utf8), [UInt8](repeating: 7, count: 40_000)]
    for (token, body) in bodies.enumerated() {
        let isTaken = pair.client.submit(request("/p\(token)?q", body: body), token: token)
        #expect(isTaken)
    }
    #expect(pair.client.openCount == 3)
    pair.exchange(chunk: chunk)
    #expect(pair.host.seen.count == 3)
    for seen in pair.host.seen {
        let token = Int(String(seen.line.split(separator: " ")[1].dropFirst(2).prefix(1))) ?? -1
        #expect(seen.body == bodies[token])
        #expect(seen.line == "\(token == 0 ? "GET" : "POST") /p\(token)?q")
        #expect(seen.host == "localhost:8080" && seen.fields == ["content-type: application/json"])
    }
    #expect(Set(pair.answers.map(\.token)) == [0, 1, 2])
    for answer in pair.answers {
        #expect(answer.outcome == .complete && answer.status == 200 && answer.bodyBytes == 5)
    }
    #expect(pair.client.openCount == 0 && !pair.client.isGoingAway)
}

@Test func theSameRequestIsSentOverAndOver() {
    let pair = Pair()
    let shared = request()
    for round in 0..<500 {
        let isTaken = pair.client.submit(shared, token: round % 7)
        #expect(isTaken)
        if round % 10 == 9 { pair.exchange() }
    }
    #expect(pair.answers.count == 500 && pair.answers.allSatisfy { $0.status == 200 })
}

@Test func roomIsTheSmallerOfOurLimitAndTheServers() {
    var limits = Limits()
    limits.http2StreamsMax = 3
    let pair = Pair(streams: 10, limits: limits)
    #expect(pair.client.room == 10)
    pair.exchange()
    #expect(pair.client.room == 3)
    pair.host.answersAtOnce = false
    _ = pair.client.submit(request(), token: 1)
    pair.exchange()
    #expect(pair.client.room == 2)
    #expect(Pair(streams: 2).client.room == 2)
}

@Test func aRefusalsDelayAndStatusAreRead() {
    let pair = Pair()
    pair.host.answersAtOnce = false
    _ = pair.client.submit(request(), token: 4)
    pair.exchange()
    var head = ResponseHead(status: 503, contentType: "text/plain", contentLength: 0)
    head.retryAfterSeconds = 2
    pair.host.session.respond(1, head, date: someDate, body: ByteBuffer())
    pair.exchange()
    #expect(pair.answers.count == 1)
    let answer = pair.answers.first
    #expect(answer?.token == 4 && answer?.outcome == .complete && answer?.status == 503)
    #expect(answer?.bodyBytes == 0 && answer?.retryDelay == .milliseconds(2000))
}

@Test func aResetStreamIsReportedWithItsCode() {
    let pair = Pair()
    pair.host.answersAtOnce = false
    _ = pair.client.submit(request(), token: 1)
    _ = pair.client.submit(request(), token: 2)
    pair.exchange()
    pair.host.session.reset(1, .cancel)
    pair.host.session.reset(3, .refusedStream)
    pair.exchange()
    #expect(pair.answers.map(\.token) == [1, 2])
    #expect(pair.answers.map(\.outcome) == [.reset(8), .unprocessed])
    #expect(pair.client.openCount == 0)
}

@Test func streamsBehindAGoawayAreUnprocessedAndEarlierOnesFinish() {
    let pair = Pair()
    pair.host.answersAtOnce = false
    _ = pair.client.submit(request(), token: 1)
    pair.exchange()
    pair.host.session.beginDrain()
    pair.host.session.finishDrain()
    // On its way while the server says GOAWAY.
    _ = pair.client.submit(request(), token: 2)
    let crossing = pair.clientOutput()
    #expect(!crossing.isEmpty)
    // Not even sent.
    let goaway = pair.host.output()
    _ = pair.client.submit(request(), token: 3)
    pair.clientReceive(goaway)
    #expect(pair.client.isGoingAway && pair.client.room == 0)
    pair.host.receive(crossing)
    pair.exchange()
    #expect(Set(pair.answers.map(\.token)) == [2, 3])
    #expect(pair.answers.allSatisfy { $0.outcome == .unprocessed })
    pair.host.respond(1, Array("late".utf8))
    pair.exchange()
    #expect(pair.answers.last?.token == 1 && pair.answers.last?.outcome == .complete)
    #expect(pair.client.openCount == 0)
    #expect(!pair.client.submit(request(), token: 9))
}

@Test func aCancelledRequestIsNotReportedAndTheServerHearsOfIt() {
    let pair = Pair()
    pair.host.answersAtOnce = false
    _ = pair.client.submit(request(), token: 1)
    _ = pair.client.submit(request(), token: 2)
    pair.exchange()
    pair.client.cancel(token: 1)
    pair.exchange()
    #expect(pair.host.cancelled == [1])
    // The token may be used again at once.
    _ = pair.client.submit(request("/again"), token: 1)
    pair.exchange()
    pair.host.respond(5, Array("x".utf8))
    pair.exchange()
    #expect(pair.answers.map(\.token) == [1] && pair.answers.first?.outcome == .complete)
    #expect(pair.client.openCount == 1)
}

@Test func whatIsNoHTTP2EndsTheConnection() {
    let pair = Pair()
    _ = pair.client.submit(request(), token: 1)
    pair.clientReceive(Array("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".utf8))
    // The GOAWAY that says so.
    _ = pair.clientOutput()
    #expect(pair.client.isFinished)
    let goesOn = pair.clientReceive([0])
    #expect(!goesOn)
}

@Test func anyBytesOfAServerAreHandled() {
    var random = SplitMix(seed: 3)
    for _ in 0..<2_000 {
        let pair = Pair()
        _ = pair.client.submit(request(), token: 1)
        // A real beginning, with bytes changed.
        for piece in [pair.clientOutput()] { pair.host.receive(piece) }
        var down = pair.host.output()
        for _ in 0..<random.next() % 4 {
            down[Int(random.next() % UInt64(down.count))] = UInt8(truncatingIfNeeded: random.next())
        }
        let goesOn = pair.clientReceive(down)
        #expect(pair.answers.count <= 1)
        _ = pair.clientOutput()
        if !goesOn { #expect(pair.client.isFinished || pair.client.isBroken) }
    }
}
