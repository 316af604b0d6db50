import HTTP
import Load
import Primitives
import Testing

private let target = LoadTarget(parsing: "http://localhost:8080/predict")

@Test func aRequestIsOneThatAServerUnderstands() throws {
    let body = Array("{\"instances\": []}".utf8)
    let request = PreparedRequest(
        method: "POST", path: "/predict?model=x",
        fields: [PreparedRequest.Field("Content-Type", "application/json")], body: body)
    let bytes = request.http1(try #require(target))
    var session = HTTP1Session(limits: Limits())
    var buffer = ByteBuffer()
    buffer.append(bytes)
    var head = RequestHead()
    let step = session.next(&buffer, head: &head)
    #expect(step == .request(body: bytes.count - body.count..<bytes.count))
    #expect(head.method == .post && head.contentLength == body.count)
    #expect(String(decoding: bytes, as: UTF8.self).contains("\r\nHost: localhost:8080\r\n"))
}

@Test func aGetHasNoLengthAndAPostWithoutBodyHasOne() throws {
    let target = try #require(target)
    let get = PreparedRequest(method: "GET", path: "/", fields: [], body: []).http1(target)
    #expect(
        String(decoding: get, as: UTF8.self) == "GET / HTTP/1.1\r\nHost: localhost:8080\r\n\r\n")
    let post = PreparedRequest(method: "POST", path: "/", fields: [], body: []).http1(target)
    #expect(String(decoding: post, as: UTF8.self).contains("Content-Length: 0\r\n"))
}

@Test func aFieldIsANameAndAValue() {
    let field = PreparedRequest.Field(parsing: "X-Tag:  a: b ")
    #expect(field == PreparedRequest.Field("X-Tag", "a: b"))
    #expect(PreparedRequest.Field(parsing: "X-Empty:")?.value == "")
    for bad in [
        "none", ": x", "a b: c", "X: a\r\nY: b", "Content-Length: 1", "HOST: x",
        "Transfer-Encoding: chunked", "connection: close",
    ] {
        #expect(PreparedRequest.Field(parsing: bad) == nil, "\(bad)")
    }
}
