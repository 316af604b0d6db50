import HTTP
import Primitives
import Testing

private func echoed(_ fields: String, limits: Limits = .standard) throws -> EchoedFields {
    let text = "GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n"
    let bytes = Array(text.utf8)
    var head = RequestHead()
    try RequestHeadParser(limits: limits).parse(bytes.span, end: bytes.count, into: &head)
    let result = EchoedFields()
    result.take(head, in: bytes.span, limits: limits)
    return result
}

private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

private let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

@Test func validIdentifiersAreTakenOver() throws {
    let fields = try echoed(
        "x-request-ID: Root=1-67891233-abc/def:@~,+.\r\ntraceparent: \(trace)\r\n")
    #expect(text(fields.requestID) == "Root=1-67891233-abc/def:@~,+.")
    #expect(text(fields.traceParent) == trace)
}

@Test(arguments: [
    "", "a b", "a\"b", "a<b", "a;b", "caf\u{e9}", "a\u{5c}b", String(repeating: "x", count: 129),
])
func whatCouldForgeALineIsNoIdentifier(_ value: String) throws {
    let fields = try echoed("X-Request-Id: \(value)\r\n")
    #expect(fields.requestID.isEmpty)
}

@Test func aRepeatedFieldIsNone() throws {
    let fields = try echoed(
        "X-Request-Id: a\r\nX-Request-Id: b\r\ntraceparent: \(trace)\r\nTraceParent: \(trace)\r\n")
    #expect(fields.requestID.isEmpty && fields.traceParent.isEmpty)
}

@Test func whatALaterVersionAddsIsLeftOut() throws {
    let fields = try echoed("traceparent: 01\(trace.dropFirst(2))-more\r\n")
    #expect(text(fields.traceParent) == "01\(trace.dropFirst(2))")
}

@Test func anIdentifierIsMadeOnlyWhereThereIsNone() throws {
    let fields = try echoed("")
    fields.makeRequestID((0x0123_4567_89ab_cdef, 1))
    #expect(text(fields.requestID) == "0123456789abcdef0000000000000001")
    fields.makeRequestID((5, 5))
    #expect(text(fields.requestID) == "0123456789abcdef0000000000000001")
    fields.removeAll()
    #expect(fields.requestID.isEmpty)
}

@Test func anAnswerCarriesThem() throws {
    let fields = try echoed("X-Request-Id: abc\r\ntraceparent: \(trace)\r\n")
    var head = ResponseHead(status: 200, contentType: "text/plain", contentLength: 0)
    head.echoed = fields
    var buffer = ByteBuffer()
    head.appendHTTP1(to: &buffer, date: HTTPDate())
    #expect(buffer.text.contains("\r\nX-Request-Id: abc\r\n"))
    #expect(buffer.text.contains("\r\ntraceparent: \(trace)\r\n"))
    var names: [String] = []
    head.forEachField(date: HTTPDate()) { field, _ in names.append("\(field.name)") }
    #expect(names.contains("x-request-id") && names.contains("traceparent"))
}
