/// Byte classes of RFC 9110 section 5.6 and comparisons without making strings.
public enum Ascii {
    private static let tokenBits: (UInt64, UInt64) = {
        var low: UInt64 = 0
        var high: UInt64 = 0
        for byte in UInt8(0)..<128 {
            let isAlphanumeric =
                (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5A)
                || (byte >= 0x61 && byte <= 0x7A)
            let isMark = "!#$%&'*+-.^_`|~".utf8.contains(byte)
            guard isAlphanumeric || isMark else { continue }
            if byte < 64 { low |= 1 << UInt64(byte) } else { high |= 1 << UInt64(byte - 64) }
        }
        return (low, high)
    }()

    /// tchar: what methods and field names are made of.
    @inline(__always)
    public static func isToken(_ byte: UInt8) -> Bool {
        if byte < 64 { return tokenBits.0 >> UInt64(byte) & 1 == 1 }
        return byte < 128 && tokenBits.1 >> UInt64(byte - 64) & 1 == 1
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
        _ bytes: Span<UInt8>, _ range: Range<Int>, _ body: (Range<Int>) -> Void
    ) {
        var start = range.lowerBound
        while start <= range.upperBound {
            var end = start
            while end < range.upperBound, bytes[end] != UInt8(ascii: ",") { end += 1 }
            let element = trimmed(bytes, start..<end)
            if !element.isEmpty { body(element) }
            start = end + 1
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
