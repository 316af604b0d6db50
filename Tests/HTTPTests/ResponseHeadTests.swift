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
