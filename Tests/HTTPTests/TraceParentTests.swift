import HTTP
import Testing

private func isValid(_ text: String) -> Bool {
    let padded = Array(("xx" + text + "yy").utf8)
    return TraceParent.isValid(padded.span, 2..<padded.count - 2)
}

private let trace = "0af7651916cd43dd8448eb211c80319c"
private let parent = "b7ad6b7169203331"

@Test func theExampleOfTheRecommendationIsValid() {
    #expect(isValid("00-\(trace)-\(parent)-01"))
    #expect(isValid("00-\(trace)-\(parent)-00"))
    let bytes = Array("00-\(trace)-\(parent)-01".utf8)
    #expect(String(decoding: bytes[TraceParent.traceID(0)], as: UTF8.self) == trace)
    #expect(String(decoding: bytes[TraceParent.parentID(0)], as: UTF8.self) == parent)
}

@Test(arguments: [
    "", "00", "00-\(trace)-\(parent)-0", "00-\(trace)-\(parent)-011", "00-\(trace)-\(parent)-01-x",
    "00-\(trace)-\(parent)-0g", "ff-\(trace)-\(parent)-01", "0-\(trace)-\(parent)-001",
    "00-00000000000000000000000000000000-\(parent)-01", "00-\(trace)-0000000000000000-01",
    "00-0AF7651916CD43DD8448EB211C80319C-\(parent)-01", "00_\(trace)-\(parent)-01",
    "00-\(trace)_\(parent)-01", "00-\(trace)-\(parent)_01", "01-\(trace)-\(parent)-01x",
])
func aBrokenTraceParentIsNone(_ text: String) { #expect(!isValid(text)) }

@Test func aLaterVersionMayGoOnBehindADash() {
    #expect(isValid("01-\(trace)-\(parent)-01"))
    #expect(isValid("cc-\(trace)-\(parent)-01-what-the-future-will-be-like"))
}
