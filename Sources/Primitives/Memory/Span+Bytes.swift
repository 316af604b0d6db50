extension Span<UInt8> {
    /// The little-endian integer at a byte offset. The offset may have any alignment; that all of
    /// its bytes are inside is checked.
    @inlinable @inline(__always)
    public func littleEndian<T: FixedWidthInteger & BitwiseCopyable>(
        at offset: Int, as type: T.Type
    ) -> T {
        precondition(
            offset >= 0 && offset <= count - MemoryLayout<T>.size, "an integer is inside its bytes")
        return withUnsafeBufferPointer { bytes in
            T(
                littleEndian: UnsafeRawPointer(bytes.baseAddress.unsafelyUnwrapped)
                    .loadUnaligned(fromByteOffset: offset, as: T.self))
        }
    }

    /// Whether both hold the same bytes.
    public func equals(_ other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in 0..<count where self[index] != other[index] { return false }
        return true
    }
}

extension [UInt8] {
    /// A copy of the bytes.
    public init(copying bytes: Span<UInt8>) {
        self = bytes.withUnsafeBufferPointer { [UInt8]($0) }
    }
}

extension AlignedMemory {
    /// Copies bytes into the block; the range is checked.
    public func write(_ bytes: Span<UInt8>, to offset: Int) {
        let target = address(UInt8.self, byteOffset: offset, count: bytes.count)
        bytes.withUnsafeBufferPointer { source in
            guard let start = source.baseAddress else { return }
            target.update(from: start, count: source.count)
        }
    }
}
