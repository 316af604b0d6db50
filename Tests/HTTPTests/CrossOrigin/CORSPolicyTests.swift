import HTTP
import Primitives
import Testing

/// A request with these extra field lines, parsed, and what a closure makes of it.
private func withRequest<R>(
    _ method: String, _ fields: String, _ body: (RequestHead, Span<UInt8>) -> R
) -> R? {
    var buffer = ByteBuffer()
    buffer.append("\(method) /predict HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
    var session = HTTP1Session(limits: Limits())
    var head = RequestHead()
    guard case .request = session.next(&buffer, head: &head) else { return nil }
    return body(head, buffer.span)
}

private func answered(_ policy: CORSPolicy, origin: String) -> CrossOriginFields? {
    withRequest("POST", "Origin: \(origin)\r\n") { head, bytes in
        policy.fields(origin: head.origin, in: bytes)
    } ?? nil
}

@Test func exactOriginsGetTheirOwnName() throws {
    let policy = try CORSPolicy(origins: ["https://a.example", "http://localhost:5173"])
    #expect(policy.isOn)
    #expect(policy.varies == .origin)
    for origin in ["https://a.example", "http://localhost:5173"] {
        let fields = try #require(answered(policy, origin: origin))
        #expect(fields.allowOrigin == Array(origin.utf8))
        #expect(fields.allowsCredentials)
        #expect(fields.maxAgeSeconds == nil)
    }
    for origin in [
        "https://a.example.evil", "https://a.exampl", "http://a.example", "https://A.example",
        "https://a.example:444", "https://a.example/", "null", "*", "",
        "https://a.example https://a.example",
    ] {
        #expect(answered(policy, origin: origin) == nil, "\(origin)")
    }
    let twice = withRequest("GET", "Origin: https://a.example\r\nOrigin: https://a.example\r\n") {
        policy.fields(origin: $0.origin, in: $1)
    }
    #expect(twice == .some(nil))
    let none = withRequest("GET", "") { policy.fields(origin: $0.origin, in: $1) }
    #expect(none == .some(nil))
}

@Test func starIsForEveryPageAndNeverWithCredentials() throws {
    let policy = try CORSPolicy(origins: ["*"])
    for origin in ["https://a.example", "null"] {
        let fields = try #require(answered(policy, origin: origin))
        #expect(fields.allowOrigin == [UInt8(ascii: "*")])
        #expect(!fields.allowsCredentials)
    }
    #expect(policy.varies == [])
}

@Test func withoutOriginsThereIsNoCORS() throws {
    for policy in [CORSPolicy(), try CORSPolicy(origins: [])] {
        #expect(!policy.isOn)
        #expect(policy.varies == [])
        #expect(answered(policy, origin: "https://a.example") == nil)
        let isPreflight = withRequest(
            "OPTIONS", "Origin: https://a.example\r\nAccess-Control-Request-Method: POST\r\n"
        ) { policy.isPreflight($0, in: $1) }
        #expect(isPreflight == false)
    }
}

@Test func preflightsAreToldWhatTheRouteTakes() throws {
    let policy = try CORSPolicy(origins: ["https://a.example"])
    let asked =
        "Origin: https://a.example\r\nAccess-Control-Request-Method: POST\r\n"
        + "Access-Control-Request-Headers: authorization,content-type\r\n"
    let answer = withRequest("OPTIONS", asked) { head, bytes in
        policy.isPreflight(head, in: bytes)
            ? policy.preflight(head, in: bytes, methods: "POST") : nil
    }
    let fields = try #require(answer ?? nil)
    var response = ResponseHead(status: 204)
    response.crossOrigin = fields
    response.varies = .preflight
    var buffer = ByteBuffer()
    response.appendHTTP1(to: &buffer, date: HTTPDate())
    let text = buffer.text
    #expect(
        text == """
            HTTP/1.1 204 No Content\r
            Date:                              \r
            Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r
            Access-Control-Allow-Origin: https://a.example\r
            Access-Control-Allow-Credentials: true\r
            Access-Control-Allow-Methods: POST\r
            Access-Control-Allow-Headers: Authorization, Content-Encoding, Content-Type, traceparent, \
            tracestate, X-Request-Id\r
            Access-Control-Max-Age: 7200\r
            \r

            """)
}

@Test(arguments: [
    ("GET", "Origin: https://a.example\r\nAccess-Control-Request-Method: POST\r\n"),
    ("OPTIONS", "Origin: https://a.example\r\n"),
    ("OPTIONS", "Access-Control-Request-Method: POST\r\n"), ("OPTIONS", ""),
])
func otherRequestsAreNoPreflights(method: String, fields: String) throws {
    let policy = try CORSPolicy(origins: ["https://a.example"])
    let isPreflight = withRequest(method, fields) { policy.isPreflight($0, in: $1) }
    #expect(isPreflight == false)
}

@Test func preflightsOfStrangersGetNothing() throws {
    let policy = try CORSPolicy(origins: ["https://a.example"])
    let fields = withRequest(
        "OPTIONS", "Origin: https://b.example\r\nAccess-Control-Request-Method: POST\r\n"
    ) { policy.preflight($0, in: $1, methods: "POST") }
    #expect(fields == .some(nil))
}

@Test(arguments: [
    ["*", "https://a.example"], ["https://a.example/"], ["https://a.example/x"], ["a.example"],
    ["https://"], ["://a"], ["https://A.example"], ["HTTPS://a.example"], ["https://*.a.example"],
    ["https://a.example:443"], ["http://a.example:80"], ["null"], [""], ["https:/a"],
    ["https://a b"], ["https://a\r\nSet-Cookie: x"], ["https://ä.example"], ["https://u@a.example"],
])
func originsThatNoBrowserSendsAreRefused(values: [String]) {
    #expect {
        try CORSPolicy(origins: values)
    } throws: { "\($0)".hasPrefix("the origin '") }
}

@Test(arguments: [
    "http://a.example:443", "https://a.example:80", "https://a.example:8443", "http://[::1]:8080",
    "http://127.0.0.1", "chrome-extension://abcdef", "https://xn--4ca.example",
])
func originsThatBrowsersSendAreTaken(value: String) throws {
    let policy = try CORSPolicy(origins: [value])
    #expect(answered(policy, origin: value)?.allowOrigin == Array(value.utf8))
}
