import COpenSSL

/// A certificate, a key or a setting that cannot be used: which file, and why.
public struct TLSError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file at fault; empty when none is.
    public let path: String
    /// What is wrong with it and what to do, OpenSSL's words included.
    public let reason: String

    init(path: String = "", _ reason: String) {
        self.path = path
        self.reason = reason
    }

    /// With the oldest error of OpenSSL's queue, which is the cause of the later ones. Empties it.
    static func withCause(path: String = "", _ what: String) -> TLSError {
        let code = ERR_peek_error()
        ERR_clear_error()
        guard code != 0, let text = ERR_reason_error_string(code) else {
            return TLSError(path: path, what)
        }
        return TLSError(path: path, "\(what) (OpenSSL: \(String(cString: text)))")
    }

    public var description: String {
        path.isEmpty ? "TLS: \(reason)" : "\(path): \(reason)"
    }
}
