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
