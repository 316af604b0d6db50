import HTTPServer
import Testing

private func milliseconds(_ text: String) -> UInt64? {
    let bytes = Array(text.utf8)
    return RequestUrgency.milliseconds(bytes.span, 0..<bytes.count)
}

@Test func aTimeoutIsAWholeNumberOfMilliseconds() {
    #expect(milliseconds("1") == 1)
    #expect(milliseconds("0250") == 250)
    #expect(milliseconds("999999999999") == 999_999_999_999)
    for text in ["", "0", "-1", "1.5", " 1", "1s", "1e3", "1000000000000", "0x10", "١"] {
        #expect(milliseconds(text) == nil, "\(text)")
    }
}

@Test func thereAreTwoPriorities() {
    func priority(_ text: String) -> String {
        let bytes = Array(text.utf8)
        return RequestUrgency.priority(bytes.span, 0..<bytes.count).map { "\($0)" } ?? "none"
    }
    #expect(priority("high") == "high")
    #expect(priority("LOW") == "low")
    for text in ["", "lo", "lower", "1", "high,low"] { #expect(priority(text) == "none") }
}
