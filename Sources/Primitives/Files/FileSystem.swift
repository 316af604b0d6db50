#if canImport(Glibc)
    import Glibc
#endif

/// Reading files and folders, with limits and errors that name the path.
public enum FileSystem {
    public enum Kind: Sendable { case file, folder, socket, other }

    /// What is at a path, following symbolic links; nil when nothing is.
    public static func kind(of path: String) -> Kind? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return .file
        case S_IFDIR: return .folder
        case S_IFSOCK: return .socket
        default: return .other
        }
    }

    /// Removes a file or a socket; nothing happens when there is none.
    public static func remove(_ path: String) { unlink(path) }

    /// The names in a folder, sorted, without `.` and `..`.
    public static func names(in path: String) throws(SystemError) -> [String] {
        guard let folder = opendir(path) else { throw SystemError(call: "open \(path)", errno) }
        defer { closedir(folder) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(folder) else {
                if errno != 0 { throw SystemError(call: "read \(path)", errno) }
                break
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                tuple.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// What one system call reads at most. A kernel without preemption lets no other thread onto the processor
    /// before it is done, whatever their priorities: 12 MiB in one took 14 ms, 256 KiB take 0.1 to 0.3.
    static let pieceBytes = 256 << 10

    /// The first bytes of a file, `byteCount` at most.
    public static func head(of path: String, byteCount: Int) throws(SystemError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError(call: "open \(path)", errno) }
        defer { close(descriptor) }
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            count = 0
            while count < buffer.count {
                let got = read(
                    descriptor, buffer.baseAddress! + count, min(buffer.count - count, pieceBytes))
                if got > 0 {
                    count += got
                } else if got == 0 {
                    return
                } else if errno != EINTR {
                    failure = errno
                    return
                }
            }
        }
        guard failure == 0 else { throw SystemError(call: "read \(path)", failure) }
        return bytes
    }

    /// The whole of a file. A file of more than `byteCountMax` bytes is refused with EFBIG.
    public static func contents(
        of path: String, byteCountMax: Int
    ) throws(SystemError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError(call: "open \(path)", errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw SystemError(call: "stat \(path)", errno)
        }
        guard status.st_mode & S_IFMT != S_IFDIR else {
            throw SystemError(call: "read \(path)", EISDIR)
        }
        guard status.st_size <= byteCountMax else {
            throw SystemError(call: "read \(path)", EFBIG)
        }
        var failure: Int32 = 0
        // One byte more than stat said, so that a file that grows meanwhile is noticed.
        let room = max(Int(status.st_size), 4096) + 1
        let bytes = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
            count = 0
            while count < buffer.count {
                let got = read(
                    descriptor, buffer.baseAddress! + count, min(buffer.count - count, pieceBytes))
                if got > 0 {
                    count += got
                } else if got == 0 {
                    return
                } else if errno != EINTR {
                    failure = errno
                    return
                }
            }
        }
        guard failure == 0 else { throw SystemError(call: "read \(path)", failure) }
        guard bytes.count < room else { throw SystemError(call: "read \(path)", EFBIG) }
        return bytes
    }
}
