#if canImport(Glibc)
    import Glibc
#endif

extension FileSystem {
    /// The permissions of a file beyond its owner's, following symbolic links: 0 when only the owner
    /// may read and write it; nil when nothing is there.
    public static func permissionsOfOthers(at path: String) -> UInt32? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return status.st_mode & 0o077
    }
}
