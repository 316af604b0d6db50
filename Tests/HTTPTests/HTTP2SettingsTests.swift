import HTTP
import Primitives
import Testing

private func decoded(_ text: String) -> [UInt8]? {
    var payload = ByteBuffer()
    let value = Array(text.utf8)
    guard HTTP2Settings.decode(value.span, into: &payload) else {
        return nil
    }
    return copy(payload)
}

@Test func settingsOfAnUpgradeAreDecoded() {
    #expect(decoded("") == [])
    // What curl sends.
    #expect(
        decoded("AAMAAABkAAQAoAAAAAIAAAAA")
            == [0, 3, 0, 0, 0, 100, 0, 4, 0, 160, 0, 0, 0, 2, 0, 0, 0, 0])
    #expect(decoded("AAQAAP__") == [0, 4, 0, 0, 255, 255])
    #expect(decoded("-_-_AAAA") == [251, 255, 191, 0, 0, 0])
}

@Test(arguments: [
    "A", "AA", "AAAA", "AAMAAABkA", "AAMAAAB=", "AAM AABk", "AAMAAAB+", "AAMAAAB/",
    // ENABLE_PUSH of 2, a window of 2^31, frames of 100 bytes.
    "AAIAAAAC", "AASAAAAA", "AAUAAABk",
    String(repeating: "A", count: 8 * 33),
])
func badSettingsOfAnUpgradeAreRefused(text: String) {
    #expect(decoded(text) == nil)
}
