#if canImport(Glibc)
    import Glibc
#endif

extension FileSystem {
    /// Makes a folder and those above it; one that is there already is fine.
    public static func createFolder(_ path: String) throws(SystemError) {
        var end = path.startIndex
        while end < path.endIndex {
            end = path[end...].dropFirst().firstIndex(of: "/") ?? path.endIndex
            let part = String(path[..<end])
            if mkdir(part, 0o777) != 0, errno != EEXIST, errno != EISDIR {
                throw SystemError(call: "create \(part)", errno)
            }
        }
        guard kind(of: path) == .folder else {
            throw SystemError(call: "create \(path)", ENOTDIR)
        }
    }

    /// Writes a whole file, replacing what was there.
    public static func write(
        _ bytes: borrowing ByteBuffer, to path: String
    ) throws(SystemError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw SystemError(call: "create \(path)", errno) }
        var failure: Int32 = 0
        bytes.span.withUnsafeBufferPointer { buffer in
            var sent = 0
            while sent < buffer.count {
                let count = Glibc.write(descriptor, buffer.baseAddress! + sent, buffer.count - sent)
                if count > 0 {
                    sent += count
                } else if errno != EINTR {
                    failure = errno
                    return
                }
            }
        }
        if close(descriptor) != 0, failure == 0 { failure = errno }
        guard failure == 0 else { throw SystemError(call: "write \(path)", failure) }
    }
}
