#if canImport(Glibc)
    import Glibc
#endif

extension FileSystem {
    /// Gives a file or a folder another name, in one step for everybody who looks (rename(2)). A file
    /// or an empty folder of that name is replaced; a folder with something in it is not (ENOTEMPTY).
    public static func rename(_ path: String, to target: String) throws(SystemError) {
        guard Glibc.rename(path, target) == 0 else {
            throw SystemError(call: "rename \(path) to \(target)", errno)
        }
    }

    /// Makes the names in a folder outlive a power failure (fsync(2)).
    public static func synchronize(folder path: String) throws(SystemError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError(call: "open \(path)", errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw SystemError(call: "fsync \(path)", errno) }
    }

    /// Removes a file, or a folder with all that is in it; does not follow symbolic links. Folders
    /// nest `depthMax` deep at most (ELOOP). Nothing happens when nothing is there.
    public static func removeTree(_ path: String, depthMax: Int = 16) throws(SystemError) {
        guard depthMax > 0 else { throw SystemError(call: "remove \(path)", ELOOP) }
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return }
            throw SystemError(call: "stat \(path)", errno)
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            guard unlink(path) == 0 || errno == ENOENT else {
                throw SystemError(call: "remove \(path)", errno)
            }
            return
        }
        for name in try names(in: path) {
            try removeTree("\(path)/\(name)", depthMax: depthMax - 1)
        }
        guard rmdir(path) == 0 || errno == ENOENT else {
            throw SystemError(call: "remove \(path)", errno)
        }
    }

    /// The SHA-256 of a file, read a piece at a time. More than `byteCountMax` bytes are refused
    /// with EFBIG. Costs about 5 ns a byte.
    public static func digest(
        of path: String, byteCountMax: Int
    ) throws(SystemError) -> SHA256.Digest {
        var file = try FileReader(path: path)
        var stream = SHA256.Stream()
        var piece = ByteBuffer(capacity: pieceBytes)
        var total = 0
        while try file.read(into: &piece, byteCountMax: pieceBytes) {
            total += piece.count
            guard total <= byteCountMax else { throw SystemError(call: "read \(path)", EFBIG) }
            stream.update(piece.span)
            piece.removeAll()
        }
        return stream.digest
    }
}
