#if canImport(Glibc)
    import Glibc
#endif

/// A system call that failed, with its errno.
public struct SystemError: Error, Sendable, CustomStringConvertible {
    public let call: String
    public let code: Int32

    public init(call: String, _ code: Int32) {
        self.call = call
        self.code = code
    }

    /// The system's own words for the errno ("Address already in use").
    public var reason: String {
        String(cString: strerror(code))
    }

    public var description: String { "\(call): \(reason)" }
}

extension SystemError {
    /// ENOTDIR
    public static let notAFolder: Int32 = ENOTDIR
    /// EEXIST
    public static let exists: Int32 = EEXIST
}
