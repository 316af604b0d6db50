#if canImport(Glibc)
    import Glibc
#endif

/// A file that is read piece by piece.
public struct FileReader: ~Copyable {
    private let path: String
    private let descriptor: Int32

    public init(path: String) throws(SystemError) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError(call: "open \(path)", errno) }
    }

    deinit { close(descriptor) }

    /// Appends the next bytes, as many as one read gives; false at the end of the file.
    public mutating func read(
        into buffer: inout ByteBuffer, byteCountMax: Int
    ) throws(SystemError) -> Bool {
        while true {
            var failure: Int32 = 0
            let count = buffer.write(atLeast: byteCountMax) { free in
                let got = Glibc.read(descriptor, free.baseAddress, min(free.count, byteCountMax))
                if got < 0 { failure = errno }
                return max(got, 0)
            }
            if failure == EINTR { continue }
            guard failure == 0 else { throw SystemError(call: "read \(path)", failure) }
            return count > 0
        }
    }
}
