import Glibc

extension Span where Element == UInt8 {
    /// The index of the first LF (memchr, which scans 32 bytes at a time).
    func firstIndexOfLineFeed() -> Int? {
        withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress,
                let found = memchr(base, Int32(Byte.lf), buffer.count)
            else { return nil }
            return UnsafeRawPointer(found) - UnsafeRawPointer(base)
        }
    }
}
