#if canImport(Glibc)
    import Glibc
#endif

/// What tells one state of a file from another without reading it: where it is, how long it is and
/// when it was last written to. A symbolic link that points elsewhere (as Kubernetes swaps mounted
/// secrets) changes the stamp, too.
public struct FileStamp: Equatable, Sendable {
    private let device: UInt64
    private let inode: UInt64
    public let byteCount: Int64
    private let seconds: Int
    private let nanoseconds: Int

    /// The stamp of the file at `path`, following symbolic links; nil when there is none. Costs one
    /// system call.
    public init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        byteCount = Int64(status.st_size)
        seconds = status.st_mtim.tv_sec
        nanoseconds = status.st_mtim.tv_nsec
    }
}
