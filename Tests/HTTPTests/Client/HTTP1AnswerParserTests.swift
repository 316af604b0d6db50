import HTTP
import Primitives
import Testing

private typealias Reading = HTTP1AnswerExercise.Reading

/// Reads a text in every way it can be cut in two, and byte by byte; all must agree.
private func read(_ text: String, isHead: Bool = false, limits: Limits = Limits()) -> Reading {
    let bytes = Array(text.utf8)
    let whole = HTTP1AnswerExercise.read(
        bytes.span, pieces: max(bytes.count, 1), isHead: isHead, limits)
    for size in 1...max(bytes.count, 1) {
        let split = HTTP1AnswerExercise.read(bytes.span, pieces: size, isHead: isHead, limits)
        #expect(split == whole, "in pieces of \(size)")
    }
    return whole
}

private func text(_ reading: Reading) -> [String] {
    reading.bodies.map { String(decoding: $0, as: UTF8.self) }
}

@Test func answersWithALengthFollowEachOther() {
    let reading = read(
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
            + "HTTP/1.1 404 Not Found\r\ncontent-length:2\r\n\r\nno"
            + "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"
    )
    #expect(reading.heads.map(\.status) == [200, 404, 204, 304])
    #expect(text(reading) == ["hello", "no", "", ""])
    // Another answer is owed by then.
    #expect(reading.end == .finished(.malformed(.truncated)))
}

@Test func aHeadRequestIsAnsweredWithoutABody() {
    let reading = read(
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 201 Made\r\nContent-Length: 1\r\n\r\nx",
        isHead: true)
    #expect(text(reading) == ["", "x"])
}

@Test func chunkedBodiesAreDecoded() {
    let reading = read(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "5;name=value\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n"
            + "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n0\r\n\r\n")
    #expect(text(reading) == ["hello!", ""])
}

@Test func aBodyWithoutLengthEndsWithTheConnection() {
    for head in [
        "", "Transfer-Encoding: gzip\r\n", "Transfer-Encoding: gzip\r\nContent-Length: 2\r\n",
    ] {
        let reading = read("HTTP/1.1 200 OK\r\n\(head)\r\nall of it")
        #expect(text(reading) == ["all of it"])
        #expect(reading.heads[0].keepsAlive == false)
        #expect(reading.end == .finished(.complete))
    }
}

@Test func interimAnswersArePassedOver() {
    let reading = read(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
            + "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")
    #expect(reading.heads.map(\.status) == [200] && text(reading) == ["x"])
    var limits = Limits()
    limits.interimAnswersMax = 2
    let many = String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 3)
    #expect(read(many, limits: limits).end == .malformed(.unexpectedInterim))
    #expect(read("HTTP/1.1 101 Switching\r\n\r\n").end == .malformed(.unexpectedInterim))
}

@Test func theConnectionStaysUnlessSomethingSaysOtherwise() {
    func keepsAlive(_ version: String, _ fields: String) -> Bool? {
        read("HTTP/\(version) 204 None\r\n\(fields)\r\n").heads.first?.keepsAlive
    }
    #expect(keepsAlive("1.1", "") == true)
    #expect(keepsAlive("1.1", "Connection: x, Close\r\n") == false)
    #expect(keepsAlive("1.0", "") == false)
    #expect(keepsAlive("1.0", "connection: keep-alive\r\n") == true)
}

@Test func linesMayEndInABareLineFeedAndGoOnInTheNext() {
    let reading = read(
        "HTTP/1.1 200\nX-Long: a\n  b\r\n\tc\nContent-Length: 2\n\nok")
    #expect(text(reading) == ["ok"])
    // Not a field that decides where the body ends.
    #expect(read("HTTP/1.1 200\nContent-Length: 2\n 2\n\nok").end == .malformed(.badField))
    #expect(read("HTTP/1.1 200\n Content-Length: 2\n\nok").end == .malformed(.badField))
}

@Test(arguments: [
    ("HTTP/1.1 200 OK\r\nRetry-After: 3\r\n\r\n", RetryDelay.milliseconds(3000)),
    ("HTTP/1.1 200 OK\r\nX-Retry-After-Ms: 45\r\nRetry-After: 1\r\n\r\n", .milliseconds(45)),
    ("HTTP/1.1 200 OK\r\nretry-after: 1\r\nx-retry-after-ms: 0\r\n\r\n", .milliseconds(0)),
    ("HTTP/1.1 200 OK\r\nRetry-After: 1\r\nX-Retry-After-Ms: soon\r\n\r\n", .milliseconds(1000)),
    ("HTTP/1.1 200 OK\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n", .date(784_111_777)),
    ("HTTP/1.1 200 OK\r\nRetry-After: Tue, 29 Feb 2028 00:00:00 GMT\r\n\r\n", .date(1_835_395_200)),
    (
        "HTTP/1.1 200 OK\r\nRetry-After: 99999999999999999999\r\n\r\n",
        .milliseconds(366 * 86_400_000)
    ),
])
func theDelayOfARefusalIsRead(head: String, delay: RetryDelay) {
    #expect(read(head).heads.first?.retryDelay == delay)
}

@Test(arguments: [
    "", "-1", "1.5", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nox 1994 08:49:37 GMT",
])
func aDelayThatIsNoneIsIgnored(value: String) {
    let reading = read("HTTP/1.1 200 OK\r\nRetry-After: \(value)\r\n\r\n")
    #expect(reading.heads.count == 1 && reading.heads.first?.retryDelay == nil)
}

@Test func aDateIsAWaitFromNow() {
    #expect(RetryDelay.date(1_000).milliseconds(now: 998) == 2_000)
    #expect(RetryDelay.date(1_000).milliseconds(now: 1_001) == 0)
    #expect(RetryDelay.milliseconds(7).milliseconds(now: 998) == 7)
}

@Test(arguments: [
    ("SSH-2.0-OpenSSH\r\n\r\n", AnswerFault.badStatusLine),
    ("HTTP/2 200 OK\r\n\r\n", .badStatusLine),
    ("HTTP/1.1200 OK\r\n\r\n", .badStatusLine),
    ("HTTP/1.1 2x0 OK\r\n\r\n", .badStatusLine),
    ("HTTP/1.1 2000 OK\r\n\r\n", .badStatusLine),
    ("HTTP/1.1 099 OK\r\n\r\n", .badStatusLine),
    ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", .badField),
    ("HTTP/1.1 200 OK\r\n: no name\r\n\r\n", .badField),
    ("HTTP/1.1 200 OK\r\nName : x\r\n\r\n", .badField),
    ("HTTP/1.1 200 OK\r\nName: a\rb\r\n\r\n", .badField),
    ("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", .badContentLength),
    ("HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n", .badContentLength),
    ("HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n", .badContentLength),
    ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", .badContentLength),
    ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", .badContentLength),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", .badChunk),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", .badChunk),
])
func whatIsNoAnswerIsNamed(text: String, fault: AnswerFault) {
    #expect(read(text).end == .malformed(fault))
}

@Test func aHeadWithoutEndIsRefusedAtItsLimit() {
    var limits = Limits()
    limits.answerHeadBytesMax = 64
    let long = "HTTP/1.1 200 OK\r\nX: " + String(repeating: "x", count: 100) + "\r\n\r\n"
    #expect(read(long, limits: limits).end == .malformed(.headTooLarge))
    let fits = "HTTP/1.1 204 OK\r\nX: " + String(repeating: "x", count: 40) + "\r\n\r\n"
    #expect(fits.utf8.count == 64 && read(fits, limits: limits).heads.count == 1)
}

@Test(arguments: [
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "HTTP/1.1 20", "",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
])
func anEndInTheMiddleIsTruncated(text: String) {
    #expect(read(text).end == .finished(.malformed(.truncated)))
}

@Test func bytesThatNobodyAskedForAreAFault() {
    var parser = HTTP1AnswerParser()
    var buffer = ByteBuffer()
    let early = parser.next(&buffer)
    buffer.append("HTTP/1.1 408 Request Timeout\r\n\r\n")
    let late = parser.next(&buffer)
    #expect(early == .needMore && late == .malformed(.unexpectedBytes))
    var idle = HTTP1AnswerParser()
    #expect(idle.end() == .needMore)
}

@Test func anAnswerIsUntouchedUntilItsFirstByte() {
    var parser = HTTP1AnswerParser()
    var buffer = ByteBuffer()
    let before = parser.isUntouched(buffer)
    parser.begin()
    let begun = parser.isUntouched(buffer)
    buffer.append("H")
    let first = parser.isUntouched(buffer)
    _ = parser.next(&buffer)
    let parsed = parser.isUntouched(buffer)
    buffer.append("TTP/1.1 100 Continue\r\n\r\n")
    _ = parser.next(&buffer)
    let interim = parser.isUntouched(buffer)
    #expect(!before && begun && !first && !parsed && !interim)
}
