#if canImport(Glibc)
    import Glibc
#endif

/// A block of zeroed memory aligned to a cache line, freed with its last reference.
///
/// It vends spans whose lifetime is that of an `owner` the caller names: the block itself, or the
/// value that holds it. Bounds are checked on every call; exclusivity between two spans is the
/// caller's promise (a memory plan gives every live value its own range).
///
/// SAFETY: the pointer never changes. Who may read and write the bytes is decided by the holder:
/// a workspace by its thread, packed weights by everybody after they were written once.
@safe public final class AlignedMemory: @unchecked Sendable {
    public static let alignment = 64

    @usableFromInline let base: UnsafeMutableRawPointer
    public let byteCount: Int

    /// Reserves `byteCount` zeroed bytes (at least one cache line).
    public init(byteCount: Int) {
        precondition(byteCount >= 0, "a byte count is never negative")
        self.byteCount = byteCount
        let reserved = max(byteCount, 1)
        base = .allocate(byteCount: reserved, alignment: Self.alignment)
        base.initializeMemory(as: UInt8.self, repeating: 0, count: reserved)
    }

    deinit { base.deallocate() }

    @inlinable
    func address<T: BitwiseCopyable>(
        _ type: T.Type, byteOffset: Int, count: Int
    ) -> UnsafeMutablePointer<T> {
        precondition(count >= 0 && byteOffset >= 0, "a range of memory is never negative")
        let (bytes, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<T>.stride)
        precondition(
            !overflow && bytes <= byteCount && byteOffset <= byteCount - bytes,
            "a span stays inside its memory")
        precondition(
            byteOffset & (MemoryLayout<T>.alignment - 1) == 0, "a span is aligned to its element")
        return base.advanced(by: byteOffset).assumingMemoryBound(to: T.self)
    }

    /// `count` elements from `byteOffset` on, readable for as long as `owner` lives.
    @inlinable @_lifetime(borrow owner)
    public func span<T: BitwiseCopyable, Owner: ~Copyable & ~Escapable>(
        as type: T.Type, byteOffset: Int, count: Int, owner: borrowing Owner
    ) -> Span<T> {
        let start = UnsafePointer(address(type, byteOffset: byteOffset, count: count))
        return _overrideLifetime(Span(_unsafeStart: start, count: count), borrowing: owner)
    }

    /// `count` elements from `byteOffset` on, writable for as long as `owner` lives.
    @inlinable @_lifetime(borrow owner)
    public func mutableSpan<T: BitwiseCopyable, Owner: ~Copyable & ~Escapable>(
        as type: T.Type, byteOffset: Int, count: Int, owner: borrowing Owner
    ) -> MutableSpan<T> {
        let start = address(type, byteOffset: byteOffset, count: count)
        return _overrideLifetime(MutableSpan(_unsafeStart: start, count: count), borrowing: owner)
    }

    /// The whole block as elements of one type.
    @inlinable @_lifetime(borrow self)
    public func span<T: BitwiseCopyable>(as type: T.Type) -> Span<T> {
        span(as: type, byteOffset: 0, count: byteCount / MemoryLayout<T>.stride, owner: self)
    }

    /// The whole block as writable elements of one type.
    @inlinable @_lifetime(borrow self)
    public func mutableSpan<T: BitwiseCopyable>(as type: T.Type) -> MutableSpan<T> {
        mutableSpan(as: type, byteOffset: 0, count: byteCount / MemoryLayout<T>.stride, owner: self)
    }

    /// Copies bytes from another block; both ranges are checked.
    public func copy(
        from source: AlignedMemory, sourceOffset: Int, to offset: Int, byteCount count: Int
    ) {
        let from = source.address(UInt8.self, byteOffset: sourceOffset, count: count)
        memmove(address(UInt8.self, byteOffset: offset, count: count), from, count)
    }
}
