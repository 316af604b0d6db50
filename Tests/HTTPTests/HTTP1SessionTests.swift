import HTTP
import Primitives
import Testing

/// What a session made of some bytes, as text.
private func events(
    _ text: String, splits: [Int], limits: Limits = Limits(), streams: Bool = false
) -> [String] {
    let bytes = Array(text.utf8)
    var session = HTTP1Session(limits: limits)
    var buffer = ByteBuffer()
    var head = RequestHead()
    var result: [String] = []
    var start = 0
    for end in splits + [bytes.count] {
        buffer.append(Array(bytes[start..<end]))
        start = end
        drain: while true {
            switch session.next(&buffer, head: &head) {
            case .needMore: break drain
            case .sendContinue: result.append("continue")
            case .offer:
                if streams {
                    result.append("stream \(head.contentLength.map(String.init) ?? "chunks")")
                    session.stream(&buffer, bytesMax: limits.bodyBytesMax)
                } else {
                    session.gather()
                }
            case .piece(let range):
                var text = ""
                for index in range { text.append(Character(Unicode.Scalar(buffer.span[index]))) }
                if result.last?.hasPrefix("piece ") ?? false {
                    result[result.count - 1] += text
                } else {
                    result.append("piece \(text)")
                }
                session.finishPiece(&buffer)
            case .endOfBody: result.append("end")
            case .request(let body):
                result.append(describe(buffer.span, head, body))
                session.finish(&buffer)
            case .refuse(let refusal):
                result.append("refuse \(refusal)")
                return result
            }
        }
    }
    return result
}

private func describe(_ bytes: Span<UInt8>, _ head: RequestHead, _ body: Range<Int>) -> String {
    var fields = ""
    for field in head.fields { fields += "|\(text(bytes, field.name))=\(text(bytes, field.value))" }
    return "\(head.method.name) \(text(bytes, head.path))?\(text(bytes, head.query)) "
        + "1.\(head.minorVersion) keep=\(head.keepsAlive)\(fields) body=\(text(bytes, body))"
}

private func text(_ bytes: Span<UInt8>, _ range: Range<Int>) -> String {
    var text = ""
    for index in range { text.unicodeScalars.append(Unicode.Scalar(bytes[index])) }
    return text
}

private func events(_ text: String, limits: Limits = Limits()) -> [String] {
    events(text, splits: [], limits: limits)
}

private let wellFormed: [String] = [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /predict?model=iris HTTP/1.1\r\nHost: a:8080\r\nContent-Length: 5\r\n\r\nhello",
    "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nT: v\r\n\r\n",
    "\r\nGET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "GET http://h/p?q HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost:\t h \r\nX:\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcPOST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
]

@Test(arguments: wellFormed)
func everySplitGivesTheSameRequests(text: String) {
    let whole = events(text)
    #expect(whole.allSatisfy { !$0.hasPrefix("refuse") }, "\(whole)")
    let count = text.utf8.count
    for first in 0...count {
        #expect(events(text, splits: [first]) == whole)
        for second in first...count where (second - first) % 7 < 2 {
            #expect(events(text, splits: [first, second]) == whole)
        }
    }
    #expect(events(text, splits: Array(0..<count)) == whole)
}

@Test func requestsAreReportedWithTheirParts() {
    #expect(
        events(wellFormed[1])
            == ["POST /predict?model=iris 1.1 keep=true|Host=a:8080|Content-Length=5 body=hello"])
    #expect(events(wellFormed[2])[0].hasSuffix("body=hello world"))
    #expect(events(wellFormed[3]) == ["GET /x? 1.0 keep=true|Connection=keep-alive body="])
    #expect(events(wellFormed[4]) == ["GET /p?q 1.1 keep=false|Host=h|Connection=close body="])
    #expect(events(wellFormed[5]).count == 2)
    #expect(events(wellFormed[6]).count == 2)
}

private let malformed: [(String, HTTPRefusal)] = [
    ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", .badRequestLine),
    ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", .badVersion),
    ("GET / HTTP/1.1\nHost: a\r\n\r\n", .bareLineFeed),
    ("GET / HTTP/1.1\r\nHost: a\n\r\n", .bareLineFeed),
    ("GET / HTTP/1.1\r\nHost: a\r\n\n", .bareLineFeed),
    ("GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", .bareLineFeed),
    ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", .unsupportedVersion),
    ("GET / HTTP/1.1x\r\nHost: a\r\n\r\n", .badVersion),
    ("GET / http/1.1\r\nHost: a\r\n\r\n", .badVersion),
    ("GET /\r\nHost: a\r\n\r\n", .badRequestLine),
    ("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", .unknownMethod),
    ("get / HTTP/1.1\r\nHost: a\r\n\r\n", .unknownMethod),
    ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", .badTarget),
    ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", .badTarget),
    ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", .badTarget),
    ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", .badTarget),
    ("GET / HTTP/1.1\r\n\r\n", .missingHost),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", .badHost),
    ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", .badHost),
    ("GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", .badField),
    ("GET / HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n", .badField),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: y\0z\r\n\r\n", .badField),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n", .foldedField),
    ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", .foldedField),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello", .badContentLength),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello", .badContentLength),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        .badContentLength
    ),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n", .badContentLength),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n", .badContentLength),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
        .badContentLength
    ),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n", .bodyTooLarge),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        .conflictingLength
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        .badTransferEncoding
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        .unsupportedTransferEncoding
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
        .badTransferEncoding
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
        .badTransferEncoding
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
        .badTransferEncoding
    ),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", .badTransferEncoding),
    ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", .badTransferEncoding),
    ("GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-maybe\r\n\r\n", .badExpectation),
    ("\u{16}\u{3}\u{1}", .badRequestLine),
]

private let malformedChunks: [String] = [
    "g\r\n", "-1\r\n", "\r\n", "5\nhello\r\n0\r\n\r\n", "5\r\nhelloX\r\n", "5\r\nhello\n0\r\n\r\n",
    "5;a\nb\r\nhello\r\n0\r\n\r\n", "ffffffffffffffffff\r\n", "0x5\r\nhello\r\n",
    "0\r\n bad: v\r\n\r\n", "0\r\nT: v\n\r\n", "5;\u{1}\r\nhello\r\n",
]

@Test(arguments: malformed.indices)
func malformedRequestsAreRefusedForEverySplit(index: Int) {
    let (text, refusal) = malformed[index]
    for split in 0...text.utf8.count {
        let result = events(text, splits: [split])
        #expect(result == ["refuse \(refusal)"], "\(text.debugDescription) split at \(split)")
    }
}

@Test(arguments: malformedChunks)
func malformedChunksAreRefusedForEverySplit(chunks: String) {
    let text = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
    for split in 0...text.utf8.count {
        #expect(events(text, splits: [split]) == ["refuse badChunk"], "\(chunks.debugDescription)")
    }
}

@Test func limitsOnHeadersAreHeld() {
    var limits = Limits()
    limits.headerBytesMax = 256
    limits.headerCountMax = 3
    limits.targetBytesMax = 64
    let longField = "GET / HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "x", count: 300)
    #expect(events(longField, limits: limits) == ["refuse headerTooLarge"])
    #expect(events(longField + "\r\n\r\n", limits: limits) == ["refuse headerTooLarge"])
    let longTarget = "GET /" + String(repeating: "x", count: 100) + " HTTP/1.1\r\nHost: a\r\n\r\n"
    #expect(events(longTarget, limits: limits) == ["refuse targetTooLong"])
    let endlessTarget = "GET /" + String(repeating: "x", count: 400)
    #expect(events(endlessTarget, limits: limits) == ["refuse targetTooLong"])
    let many = "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n"
    #expect(events(many, limits: limits) == ["refuse tooManyFields"])
}

@Test func limitsOnBodiesAreHeld() {
    var limits = Limits()
    limits.bodyBytesMax = 8
    let head = "POST / HTTP/1.1\r\nHost: a\r\n"
    #expect(events(head + "Content-Length: 9\r\n\r\n", limits: limits) == ["refuse bodyTooLarge"])
    let chunked = head + "Transfer-Encoding: chunked\r\n\r\n"
    #expect(events(chunked + "9\r\n", limits: limits) == ["refuse bodyTooLarge"])
    #expect(events(chunked + "5\r\nhello\r\n5\r\n", limits: limits) == ["refuse bodyTooLarge"])
}

@Test func endlessChunkExtensionsAreRefused() {
    let text =
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;"
        + String(repeating: "x", count: 64 << 10)
    #expect(events(text) == ["refuse badChunk"])
}

@Test func oneByteChunksAreTaken() {
    var text = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    for _ in 0..<20_000 { text += "1\r\na\r\n" }
    let result = events(text + "0\r\n\r\n")
    #expect(result.count == 1)
    #expect(result[0].hasSuffix("body=" + String(repeating: "a", count: 20_000)))
}

@Test func continueIsAskedForOnceAndOnlyWhenTheBodyIsMissing() {
    let head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    let waiting = events(head + "ab", splits: [head.utf8.count, head.utf8.count + 1])
    #expect(waiting.count == 2)
    #expect(waiting.first == "continue")
    #expect(events(head + "ab").count == 1)
    let chunked =
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
    let waitingChunked = events(chunked + "1\r\na\r\n0\r\n\r\n", splits: [chunked.utf8.count])
    #expect(waitingChunked.count == 2)
    #expect(waitingChunked.first == "continue")
}

@Test func randomBytesNeverCrashTheSession() {
    var generator = SystemRandomNumberGenerator()
    let pieces = [
        "GET ", "POST /predict", " HTTP/1.1", "\r\n", "\n", "\r", "Host: a", "Content-Length: ",
        "5", "Transfer-Encoding: chunked", "\r\n\r\n", "0", "ff", ";", ":", " ", "\t", "\0", "%",
        "Expect: 100-continue",
    ]
    for _ in 0..<20_000 {
        var text = ""
        for _ in 0..<Int.random(in: 1...16, using: &generator) {
            text += pieces[Int.random(in: 0..<pieces.count, using: &generator)]
        }
        let whole = events(text)
        let split = Int.random(in: 0...text.utf8.count, using: &generator)
        let parts = events(text, splits: [split]).filter { $0 != "continue" }
        #expect(parts == whole.filter { $0 != "continue" }, "\(text.debugDescription) at \(split)")
    }
}

private let put = "PUT /m HTTP/1.1\r\nHost: a\r\n"
private let after = "GET /n HTTP/1.1\r\nHost: a\r\n\r\n"

@Test func theBodyOfAPutComesInPiecesHoweverItIsSplit() {
    let fixed = put + "Content-Length: 5\r\n\r\nhello" + after
    let chunked =
        put + "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x\r\nllo\r\n0\r\nT: t\r\n\r\n" + after
    for (text, kind) in [(fixed, "5"), (chunked, "chunks")] {
        for split in 0...text.utf8.count {
            let seen = events(text, splits: [split], streams: true)
            #expect(Array(seen.prefix(3)) == ["stream \(kind)", "piece hello", "end"])
            #expect(seen.count == 4 && seen[3].contains("/n"), "\(seen)")
        }
    }
}

@Test func aPutIsGatheredOrStreamedAsTheCallerWants() {
    let text = put + "Content-Length: 5\r\n\r\nhello"
    let whole = events(text, splits: [])
    #expect(whole.count == 1 && whole[0].contains("hello"))
    for split in 0...text.utf8.count { #expect(events(text, splits: [split]) == whole) }
    // Without a body there is nothing to decide.
    #expect(events(put + "\r\n", splits: [], streams: true).count == 1)
}

@Test func aStreamedBodyIsInvitedOnceAndHeldToItsLimit() {
    let text = put + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    #expect(events(text, splits: [], streams: true) == ["stream 2", "continue"])
    #expect(
        events(text + "ab", splits: [text.utf8.count], streams: true) == [
            "stream 2", "continue", "piece ab", "end",
        ])
    #expect(events(text + "ab", splits: [], streams: true) == ["stream 2", "piece ab", "end"])
    var limits = Limits()
    limits.bodyBytesMax = 4
    let chunks = put + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    let seen = events(
        chunks, splits: [chunks.utf8.count - 14], limits: limits, streams: true)
    #expect(seen.last == "refuse bodyTooLarge")
    #expect(
        events(put + "Content-Length: 5\r\n\r\nhello", splits: [], limits: limits) == [
            "refuse bodyTooLarge"
        ])
}
