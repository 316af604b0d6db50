import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// A new file that is written piece by piece and hashed on the way.
///
/// It is locked (flock(2)) for as long as the writer lives, so that another process that finds the file
/// can tell whether somebody is still at it: `isAbandoned`. Owned by one thread at a time.
public struct FileWriter: ~Copyable {
    public let path: String
    public private(set) var byteCount = 0
    private let descriptor: Int32
    private var stream = SHA256.Stream()

    /// Makes the file; it must not exist.
    public init(path: String) throws(SystemError) {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw SystemError(call: "create \(path)", errno) }
        // A file system without locks (some network ones): the file then counts as abandoned.
        _ = martlet_lock_file(descriptor)
    }

    deinit { close(descriptor) }

    /// Appends bytes. After an error the file is worth nothing.
    public mutating func append(_ bytes: Span<UInt8>) throws(SystemError) {
        var failure: Int32 = 0
        bytes.withUnsafeBufferPointer { buffer in
            var sent = 0
            while sent < buffer.count {
                let count = write(descriptor, buffer.baseAddress! + sent, buffer.count - sent)
                if count > 0 {
                    sent += count
                } else if errno != EINTR {
                    failure = errno
                    return
                }
            }
        }
        guard failure == 0 else { throw SystemError(call: "write \(path)", failure) }
        stream.update(bytes)
        byteCount += bytes.count
    }

    /// The SHA-256 of what was written.
    public var digest: SHA256.Digest { stream.digest }

    /// Makes the bytes outlive a power failure (fsync(2)).
    public func synchronize() throws(SystemError) {
        guard fsync(descriptor) == 0 else { throw SystemError(call: "fsync \(path)", errno) }
    }

    /// Whether no process writes the file at `path` any more. False also when it cannot be opened.
    public static func isAbandoned(_ path: String) -> Bool {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return martlet_lock_file(descriptor) == 1
    }
}
