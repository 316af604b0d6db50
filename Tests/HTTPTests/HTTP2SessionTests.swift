import HTTP
import Primitives
import Testing

private func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
}

@Test func getIsSeenWithItsPartsAndAnswered() {
    let (client, host) = (HTTP2Client(), HTTP2Host())
    let stream = client.request("GET", "/predict?model=iris", fields: [("accept", "a/b")])
    host.exchange(with: client)
    #expect(
        host.seen == [
            HTTP2Seen(
                stream: stream, line: "GET /predict?model=iris", host: "host",
                fields: ["accept: a/b"], body: [], trailers: [], refusal: nil)
        ])
    let answer = client.answers[stream]
    #expect(answer?.status == "200" && answer?.isComplete == true && answer?.closedWith == 0)
    #expect(answer?.body == Array("hello".utf8))
    #expect(answer?.fields["content-length"] == "5")
    #expect(answer?.fields["content-type"] == "text/plain")
    #expect(answer?.fields["date"]?.count == 29)
    #expect(host.session.isIdle && host.session.bufferedBytes == 0)
    #expect(host.session.pendingAnswerBytes == 0 && host.session.outstandingCount == 0)
}

@Test func settingsNameTheLimits() {
    let (client, host) = (HTTP2Client(), HTTP2Host())
    host.exchange(with: client)
    let limits = Limits()
    #expect(
        client.settings == [
            3: UInt32(limits.http2StreamsMax), 4: UInt32(limits.http2StreamWindowBytes),
            6: UInt32(limits.headerBytesMax), 9: 1,
        ])
}

@Test(arguments: [0, 1, 16_384, 65_536, 1 << 20, 5 << 20])
func bodiesArriveAndLeaveWhole(count: Int) {
    let (client, host) = (HTTP2Client(), HTTP2Host())
    let body = bytes(count)
    host.answer = body
    let stream = client.request(
        "POST", "/p", fields: [("content-length", "\(count)")], body: body)
    host.exchange(with: client, chunk: 65_536)
    #expect(host.seen.count == 1 && host.seen.first?.body == body)
    #expect(client.answers[stream]?.body == body)
    #expect(client.answers[stream]?.isComplete == true)
    // Back-pressure: a pull gives what was asked for and at most one frame more.
    #expect(host.outputPeak <= 65_536 + 16_384 + 9)
}

@Test func bodyWithoutLengthIsTaken() {
    let (client, host) = (HTTP2Client(), HTTP2Host())
    client.request("POST", "/p", body: bytes(100_000))
    host.exchange(with: client)
    #expect(host.seen.first?.body == bytes(100_000))
}

@Test func headAnswerHasLengthAndNoBody() {
    let (client, host) = (HTTP2Client(), HTTP2Host())
    let stream = client.request("HEAD", "/")
    host.exchange(with: client)
    let answer = client.answers[stream]
    #expect(answer?.fields["content-length"] == "5" && answer?.body == [])
    #expect(answer?.isComplete == true && answer?.closedWith == 0)
}

@Test func requestTrailersAreKeptApartFromFields() {
    let (client, host) = (HTTP2Client(), HTTP2Host())
    client.request(
        "POST", "/p", fields: [("te", "trailers")], body: bytes(70_000),
        trailers: [("checksum", "17"), ("x-end", "yes")])
    host.exchange(with: client)
    #expect(host.seen.first?.trailers == ["checksum: 17", "x-end: yes"])
    #expect(host.seen.first?.fields == ["te: trailers"])
    #expect(host.seen.first?.body == bytes(70_000))
}

@Test(arguments: [0, 5, 200_000])
func answerTrailersFollowTheBody(count: Int) {
    let (client, host) = (HTTP2Client(), HTTP2Host())
    host.answersAtOnce = false
    let stream = client.request("POST", "/grpc", body: [1])
    host.exchange(with: client)
    var body = ByteBuffer()
    body.append(bytes(count))
    var trailers = HTTPFieldList()
    trailers.append("grpc-status", decimal: 0)
    let message = Array("a\nb".utf8)
    trailers.append("grpc-message", message.span)
    let head = ResponseHead(
        status: 200, contentType: "application/grpc", contentLength: count)
    host.session.respond(stream, head, date: someDate, body: body, trailers: trailers)
    host.exchange(with: client)
    let answer = client.answers[stream]
    #expect(answer?.body == bytes(count))
    #expect(answer?.trailers == ["grpc-status": "0", "grpc-message": "a?b"])
    #expect(answer?.fields["content-length"] == nil)
    #expect(answer?.isComplete == true && answer?.closedWith == 0)
}

@Test func trailersOnlyAnswerIsOneFieldList() {
    let (client, host) = (HTTP2Client(), HTTP2Host())
    host.answersAtOnce = false
    let stream = client.request("POST", "/grpc", body: [1])
    host.exchange(with: client)
    var fields = HTTPFieldList()
    fields.append("grpc-status", "12")
    let head = ResponseHead(status: 200, contentType: "application/grpc", contentLength: 0)
    host.session.respond(stream, head, date: someDate, trailersOnly: fields)
    host.exchange(with: client)
    let answer = client.answers[stream]
    #expect(answer?.fields["grpc-status"] == "12" && answer?.trailers == [:])
    #expect(answer?.status == "200" && answer?.isComplete == true)
}

@Test func manyStreamsAreAnsweredInAnyOrder() {
    let (client, host) = (HTTP2Client(), HTTP2Host())
    host.exchange(with: client)
    host.answersAtOnce = false
    let streams = (0..<100).map {
        client.request("POST", "/p/\($0)", body: bytes(1000 + $0 * 100))
    }
    host.exchange(with: client, chunk: 777)
    #expect(Set(host.seen.map(\.stream)) == Set(streams))
    #expect(host.session.outstandingCount == 100)
    for stream in streams.reversed() { host.respond(stream, bytes(Int(stream) * 100)) }
    host.exchange(with: client, chunk: 5000)
    for stream in streams {
        #expect(client.answers[stream]?.body == bytes(Int(stream) * 100))
        let index = Int(stream - 1) / 2
        #expect(
            host.seen.first { $0.stream == stream }?.body == bytes(1000 + index * 100))
    }
    #expect(host.session.isIdle)
}

@Test func tenThousandRequestsLeaveNoMemoryBehind() {
    let limits = Limits()
    let allocator = HTTP2Allocator(limits: limits)
    let (client, host) = (HTTP2Client(), HTTP2Host(limits: limits, allocator: allocator))
    for round in 0..<200 {
        for _ in 0..<50 { client.request("POST", "/p", body: [1, 2, 3]) }
        host.exchange(with: client)
        host.seen.removeAll()
        host.now += 1
        // Warm-up is over after a few rounds: nothing is taken from malloc any more.
        if round == 20 { #expect(allocator.keptBytes > 0) }
    }
    #expect(client.answers.count == 200 * 50)
    #expect(client.answers.values.allSatisfy { $0.isComplete })
    #expect(allocator.keptBytes < limits.http2KeptBytesMax)
}

@Test func everySplitGivesTheSameRequests() {
    let client = HTTP2Client()
    client.request("GET", "/a?b", fields: [("x", "1")])
    client.request("POST", "/p", body: bytes(40), trailers: [("t", "v")])
    client.request("PUT", "/q", fields: [("content-length", "3")], body: [1, 2, 3])
    let input = client.output()
    func run(_ pieces: [ArraySlice<UInt8>]) -> [HTTP2Seen] {
        let host = HTTP2Host()
        for piece in pieces { #expect(host.receive(Array(piece))) }
        return host.seen
    }
    let whole = run([input[...]])
    #expect(whole.count == 3)
    for cut in 0...input.count { #expect(run([input[..<cut], input[cut...]]) == whole) }
    #expect(run(input.indices.map { input[$0...$0] }) == whole)
}

@Test func expectationIsMetBeforeTheBody() {
    let (client, host) = (HTTP2Client(), HTTP2Host())
    let stream = client.request(
        "POST", "/p", fields: [("expect", "100-continue")], body: bytes(10))
    host.exchange(with: client)
    #expect(client.answers[stream]?.interim == ["100"])
    #expect(client.answers[stream]?.status == "200")
}

@Test func pingIsAnswered() {
    let (client, host) = (HTTP2Client(), HTTP2Host())
    client.ping()
    host.exchange(with: client)
    #expect(client.pingAnswers == 1)
}

// MARK: Flow control

@Test func windowOfOneByteStillDeliversTheAnswer() {
    let client = HTTP2Client(window: 1, manualWindows: true)
    let host = HTTP2Host()
    host.answer = bytes(300)
    let stream = client.request()
    host.exchange(with: client)
    #expect(client.answers[stream]?.body.count == 1)
    #expect(host.session.isStalled && host.session.pendingAnswerBytes == 299)
    for _ in 0..<299 {
        client.open(stream, by: 1)
        host.exchange(with: client)
    }
    #expect(client.answers[stream]?.body == bytes(300))
    #expect(client.answers[stream]?.isComplete == true && !host.session.isStalled)
}

/// Zero-window stall: the session says so, so that the loop's write time limit ends it; and it
/// takes no further requests while too much is owed.
@Test func shutWindowIsAStallAndBoundsWhatIsOwed() {
    var limits = Limits()
    limits.outputBytesMax = 100_000
    let client = HTTP2Client(window: 0, manualWindows: true)
    let host = HTTP2Host(limits: limits)
    host.exchange(with: client)
    host.answer = bytes(30_000)
    for _ in 0..<100 { client.request() }
    host.exchange(with: client)
    #expect(host.session.isStalled && host.session.wantsRead)
    #expect(host.seen.count == 4 && host.session.pendingAnswerBytes == 120_000)
    client.open(1, by: 30_000)
    host.exchange(with: client)
    #expect(host.seen.count == 5 && client.answers[1]?.isComplete == true)
}

// MARK: Ends

@Test func resetCancelsWhatWasReported() {
    let (client, host) = (HTTP2Client(), HTTP2Host())
    host.answersAtOnce = false
    let first = client.request()
    let second = client.request()
    host.exchange(with: client)
    client.reset(first)
    host.exchange(with: client)
    #expect(host.cancelled == [first] && host.session.outstandingCount == 1)
    host.respond(first, bytes(10))
    host.respond(second, bytes(10))
    host.exchange(with: client)
    #expect(client.answers[first]?.status == "" && client.answers[second]?.status == "200")
    #expect(host.session.isIdle && host.session.pendingAnswerBytes == 0)
}

@Test func answerBeatsTheCancellationThatWasNotTaken() {
    let host = HTTP2Host()
    host.answersAtOnce = false
    host.receive(
        HTTP2Frame.preface + HTTP2Frame.settings() + HTTP2Frame.headers(1, HTTP2Frame.list()))
    let reset = HTTP2Frame.reset(1)
    let goesOn = host.session.receive(reset.span, now: 1)
    host.respond(1, bytes(10))
    #expect(goesOn && host.session.nextCancelled() == nil)
}

@Test func drainGoesInTwoStepsAndFinishesWhatIsInFlight() {
    let (client, host) = (HTTP2Client(), HTTP2Host())
    host.answersAtOnce = false
    let first = client.request()
    host.exchange(with: client)
    host.session.beginDrain()
    // A request that crosses the first GOAWAY is still taken.
    client.request("GET", "/late")
    host.receive(client.output())
    client.receive(host.output())
    #expect(client.goaways.map(\.last) == [Int32.max] && client.goaways[0].code == 0)
    #expect(host.seen.map(\.stream) == [first, 3])
    host.session.finishDrain()
    client.receive(host.output())
    #expect(client.goaways.map(\.last) == [Int32.max, 3])
    // What comes behind the last stream is ignored.
    host.receive(HTTP2Frame.headers(5, HTTP2Frame.list()))
    #expect(host.seen.count == 2 && !host.session.isFinished)
    host.respond(first, bytes(10))
    host.respond(3, bytes(10))
    client.receive(host.output())
    #expect(client.answers[first]?.isComplete == true)
    #expect(host.session.isFinished)
}

@Test func goawayOfTheClientEndsAnIdleSession() {
    let host = HTTP2Host()
    host.receive(HTTP2Frame.preface + HTTP2Frame.settings())
    _ = host.output()
    #expect(!host.session.isFinished && host.session.wantsRead)
    host.receive(HTTP2Frame.make(7, HTTP2Frame.word(0) + HTTP2Frame.word(0)))
    _ = host.output()
    #expect(host.session.isFinished)
}

// MARK: Upgrade

@Test(arguments: [false, true])
func upgradedRequestIsStreamOne(isHead: Bool) {
    let payload: [UInt8] = [0, 4, 0, 1, 0, 0]
    let client = HTTP2Client()
    #expect(client.upgrade(settings: payload, isHead: isHead))
    let host = HTTP2Host(upgrading: payload, isHead: isHead)
    #expect(host.session.outstandingCount == 1)
    host.respond(1, bytes(70_000), isHead: isHead)
    let next = client.request("GET", "/next")
    host.exchange(with: client)
    #expect(client.answers[1]?.status == "200" && client.answers[1]?.isComplete == true)
    #expect(client.answers[1]?.body == (isHead ? [] : bytes(70_000)))
    #expect(client.answers[next]?.isComplete == true && host.seen.map(\.line) == ["GET /next"])
}
