#if canImport(Glibc)
    import Glibc
#endif

/// Whole lines to the standard streams, each in one write so that threads do not mix theirs.
public enum StandardStreams {
    public static func output(_ text: String) { put(text, 1) }
    public static func error(_ text: String) { put(text, 2) }

    private static func put(_ text: String, _ descriptor: Int32) {
        var text = text
        text.withUTF8 { bytes in
            var sent = 0
            while sent < bytes.count {
                let count = write(descriptor, bytes.baseAddress! + sent, bytes.count - sent)
                if count > 0 {
                    sent += count
                } else if count < 0, errno != EINTR {
                    return
                }
            }
        }
    }
}

extension String {
    /// The text as it may stand in a line for the operator: names in it come from model files and
    /// requests, so control characters, which could forge a line or steer a terminal, are spelled out
    /// and what is beyond `Limits.logLineCharactersMax` is cut.
    public var onOneLine: String {
        var result = ""
        var count = 0
        for scalar in unicodeScalars {
            count += 1
            if count > Limits.standard.logLineCharactersMax { return result + "…" }
            if scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value) {
                result += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
