#if canImport(Glibc)
    import Glibc
#endif

extension FileSystem {
    /// Whether a path names a symbolic link itself.
    public static func isLink(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    }

    /// `byteCount` bytes of a regular file from `offset` on, or all from there on without a count.
    /// Fails with EINVAL when the file is shorter, and does not follow a link in the last part of
    /// the path (ELOOP).
    public static func contents(
        of path: String, offset: Int, byteCount: Int?, byteCountMax: Int
    ) throws(SystemError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw SystemError(call: "open \(path)", errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw SystemError(call: "stat \(path)", errno)
        }
        let size = Int(status.st_size)
        guard status.st_mode & S_IFMT == S_IFREG, offset >= 0, offset <= size else {
            throw SystemError(call: "read \(path)", EINVAL)
        }
        let wanted = byteCount ?? size - offset
        guard wanted >= 0, wanted <= size - offset else {
            throw SystemError(call: "read \(path)", EINVAL)
        }
        guard wanted <= byteCountMax else { throw SystemError(call: "read \(path)", EFBIG) }
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, count in
            count = 0
            while count < wanted {
                let got = pread(
                    descriptor, buffer.baseAddress! + count, min(wanted - count, pieceBytes),
                    offset + count)
                if got > 0 {
                    count += got
                } else if got == 0 || errno != EINTR {
                    failure = got == 0 ? EINVAL : errno
                    return
                }
            }
        }
        guard failure == 0 else { throw SystemError(call: "read \(path)", failure) }
        return bytes
    }
}
