import Primitives

/// Which trace a request belongs to: the `traceparent` field of W3C Trace Context (Recommendation
/// of 23 November 2021, section 3.2).
public enum TraceParent {
    /// Bytes of version 00, and of what every later version begins with.
    public static let byteCount = 55

    /// Whether `value` names a trace: `version-traceid-parentid-flags` in lower-case hexadecimal,
    /// neither identifier all zeros. Version ff is forbidden; a later one than 00 may go on behind
    /// a dash (section 3.2.4), which we leave out when we pass it on.
    public static func isValid(_ bytes: Span<UInt8>, _ value: Range<Int>) -> Bool {
        guard value.count >= byteCount else { return false }
        let start = value.lowerBound
        guard isHex(bytes, start..<start + 2), bytes[start + 2] == dash,
            isHex(bytes, traceID(start)), bytes[start + 35] == dash,
            isHex(bytes, parentID(start)), bytes[start + 52] == dash,
            isHex(bytes, start + 53..<start + 55)
        else { return false }
        guard isNotZero(bytes, traceID(start)), isNotZero(bytes, parentID(start)) else {
            return false
        }
        if Ascii.equals(bytes, start..<start + 2, "ff") { return false }
        if Ascii.equals(bytes, start..<start + 2, "00") { return value.count == byteCount }
        return value.count == byteCount || bytes[start + byteCount] == dash
    }

    private static let dash = UInt8(ascii: "-")

    /// Where the trace's identifier is in a value that begins at `start`.
    public static func traceID(_ start: Int) -> Range<Int> { start + 3..<start + 35 }

    /// Where the caller's span identifier is.
    public static func parentID(_ start: Int) -> Range<Int> { start + 36..<start + 52 }

    private static func isHex(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        for index in range {
            switch bytes[index] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"):
                continue
            default: return false
            }
        }
        return true
    }

    private static func isNotZero(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        for index in range where bytes[index] != UInt8(ascii: "0") { return true }
        return false
    }
}
