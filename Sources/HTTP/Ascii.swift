/// Byte classes of RFC 9110 section 5.6 and comparisons without making strings.
public enum Ascii {
    /// One bit a byte below 64, and below 128: letters, digits and `!#$%&'*+-.^_`|~`. Literals, so that
    /// reading them needs no once-guard.
    private static let tokenBitsLow: UInt64 = 0x03ff_6cfa_0000_0000
    private static let tokenBitsHigh: UInt64 = 0x57ff_ffff_c7ff_fffe

    /// tchar: what methods and field names are made of.
    @inline(__always)
    public static func isToken(_ byte: UInt8) -> Bool {
        if byte < 64 { return tokenBitsLow >> UInt64(byte) & 1 == 1 }
        return byte < 128 && tokenBitsHigh >> UInt64(byte - 64) & 1 == 1
    }

    /// VCHAR, obs-text, space and tab: what field values are made of.
    @inline(__always)
    public static func isFieldValue(_ byte: UInt8) -> Bool {
        (byte >= 0x20 && byte != 0x7F) || byte == 0x09
    }

    @inline(__always)
    public static func lowercased(_ byte: UInt8) -> UInt8 {
        byte &- 0x41 < 26 ? byte | 0x20 : byte
    }

    /// The value of a hexadecimal digit, or nil.
    @inline(__always)
    public static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }

    /// Exact comparison.
    public static func equals(
        _ bytes: Span<UInt8>, _ range: Range<Int>, _ text: StaticString
    ) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        let start = text.utf8Start
        for offset in 0..<range.count where bytes[range.lowerBound + offset] != start[offset] {
            return false
        }
        return true
    }

    /// Comparison that ignores the case of letters; `text` is in lower case.
    public static func equalsIgnoringCase(
        _ bytes: Span<UInt8>, _ range: Range<Int>, _ text: StaticString
    ) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        let start = text.utf8Start
        for offset in 0..<range.count
        where lowercased(bytes[range.lowerBound + offset]) != start[offset] {
            return false
        }
        return true
    }

    /// Visits the comma-separated elements of a field value, trimmed, empty ones left out
    /// (RFC 9110 section 5.6.1).
    public static func forEachElement(
        _ bytes: Span<UInt8>, _ range: Range<Int>, separator: UInt8 = UInt8(ascii: ","),
        _ body: (Range<Int>) -> Void
    ) {
        var start = range.lowerBound
        while start <= range.upperBound {
            var end = start
            while end < range.upperBound, bytes[end] != separator { end += 1 }
            let element = trimmed(bytes, start..<end)
            if !element.isEmpty { body(element) }
            start = end + 1
        }
    }

    /// Visits the values of a parameter (RFC 9110 section 5.6.6); its name ends with `=`.
    public static func forEachParameter(
        _ bytes: Span<UInt8>, _ range: Range<Int>, _ name: StaticString,
        _ body: (Range<Int>) -> Void
    ) {
        forEachElement(bytes, range, separator: UInt8(ascii: ";")) { parameter in
            let end = min(parameter.lowerBound + name.utf8CodeUnitCount, parameter.upperBound)
            if equalsIgnoringCase(bytes, parameter.lowerBound..<end, name) {
                body(end..<parameter.upperBound)
            }
        }
    }

    /// Without spaces and tabs at both ends.
    public static func trimmed(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
        var start = range.lowerBound
        var end = range.upperBound
        while start < end, bytes[start] == 0x20 || bytes[start] == 0x09 { start += 1 }
        while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
        return start..<end
    }
}
