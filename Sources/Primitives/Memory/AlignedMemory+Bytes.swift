#if canImport(Glibc)
    import Glibc
#endif

extension AlignedMemory {
    /// Copies bytes from a span to the block, from `byteOffset` on; the range is checked.
    public func copy(from source: RawSpan, to byteOffset: Int = 0) {
        let target = address(UInt8.self, byteOffset: byteOffset, count: source.byteCount)
        source.withUnsafeBytes { bytes in
            if let start = bytes.baseAddress { memcpy(target, start, bytes.count) }
        }
    }
}
