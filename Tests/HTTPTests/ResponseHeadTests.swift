import HTTP
import Primitives
import Testing

@Test func everyRefusalHasAStatusLine() {
    for refusal in HTTPRefusal.allCases {
        var buffer = ByteBuffer()
        let head = ResponseHead(
            status: refusal.status, contentType: "application/json", contentLength: 0)
        head.appendHTTP1(to: &buffer, date: HTTPDate())
        let text = buffer.text
        #expect(text.hasPrefix("HTTP/1.1 \(refusal.status) "))
        #expect(HTTPStatus.all.contains(refusal.status))
    }
}

@Test func responseHeadsNameWhatTheClientMayDo() {
    var head = ResponseHead(status: 405, contentType: "application/json", contentLength: 12)
    head.allow = "GET, HEAD"
    head.retryAfterSeconds = 3
    head.closesConnection = true
    var date = HTTPDate()
    date.update(secondsSince1970: 0)
    var buffer = ByteBuffer()
    head.appendHTTP1(to: &buffer, date: date)
    let text = buffer.text
    #expect(
        text == """
            HTTP/1.1 405 Method Not Allowed\r
            Content-Type: application/json\r
            Content-Length: 12\r
            Date: Thu, 01 Jan 1970 00:00:00 GMT\r
            Allow: GET, HEAD\r
            Retry-After: 3\r
            Connection: close\r
            \r

            """)
}

@Test func everyFieldIsWrittenAndVisitedInTheSameOrder() throws {
    var head = ResponseHead(status: 401, contentType: "text/csv", contentLength: 1_234_567_890_123)
    head.contentEncoding = .gzip
    head.varies = [.acceptEncoding, .origin]
    head.allow = "POST"
    head.acceptEncoding = ContentCoding.accepted
    head.retryAfterSeconds = 10
    head.wwwAuthenticate = "Bearer realm=\"martlet\""
    head.announcesKeepAlive = true
    let policy = try CORSPolicy(origins: ["http://a"])
    let origin = Array("http://a".utf8)
    head.crossOrigin = policy.fields(origin: 0..<origin.count, in: origin.span)
    var buffer = ByteBuffer()
    head.appendHTTP1(to: &buffer, date: HTTPDate())
    var lines = buffer.text.split(separator: "\r\n").map(String.init)
    var visited: [String] = []
    head.forEachField(date: HTTPDate()) { field, value in
        let text = String(decoding: value.indices.map { value[$0] }, as: UTF8.self)
        visited.append("\(field.name): \(text)")
    }
    #expect(lines.removeFirst() == "HTTP/1.1 401 Unauthorized")
    #expect(lines.removeLast() == "Connection: keep-alive")
    let lowered = lines.map { line in
        let colon = line.firstIndex(of: ":") ?? line.endIndex
        return line[..<colon].lowercased() + line[colon...]
    }
    #expect(lowered == visited)
    #expect(
        visited == [
            "content-type: text/csv", "content-length: 1234567890123", "content-encoding: gzip",
            "date: " + String(repeating: " ", count: 29), "vary: Accept-Encoding, Origin",
            "allow: POST", "accept-encoding: gzip, deflate", "retry-after: 10",
            "www-authenticate: Bearer realm=\"martlet\"", "access-control-allow-origin: http://a",
            "access-control-allow-credentials: true",
            "access-control-expose-headers: Retry-After, WWW-Authenticate, X-Request-Id",
        ])
}

@Test(arguments: [0, 9, 10, 99, 100, 12345, Int.max])
func lengthsAreWrittenInDecimal(length: Int) {
    let head = ResponseHead(status: 200, contentType: "a/b", contentLength: length)
    var buffer = ByteBuffer()
    head.appendHTTP1(to: &buffer, date: HTTPDate())
    let text = buffer.text
    #expect(text.contains("\r\nContent-Length: \(length)\r\n"))
}

/// RFC 9110 section 8.6.
@Test func answersWithoutContentHaveNoLength() {
    var buffer = ByteBuffer()
    ResponseHead(status: 204).appendHTTP1(to: &buffer, date: HTTPDate())
    let text = buffer.text
    #expect(!text.contains("Content-"))
    #expect(text.hasSuffix("\r\n\r\n"))
}

@Test func everyFieldHasALowerCaseName() {
    for field in ResponseField.allCases {
        let name = "\(field.name)"
        #expect(name == name.lowercased() && !name.isEmpty)
    }
}
