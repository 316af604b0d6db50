import Glibc
import Primitives

/// Ends the process with one clear line.
enum Exit {
    /// The arguments cannot be used (sysexits EX_USAGE).
    static func usage(_ message: String) -> Never { fail(message, code: 64) }

    /// What was asked for cannot be done.
    static func failure(_ message: String) -> Never { fail(message, code: 1) }

    private static func fail(_ message: String, code: Int32) -> Never {
        StandardStreams.error("martlet: error: \(message.onOneLine)\n")
        exit(code)
    }
}
