#if canImport(Glibc)
    import Glibc
#endif

/// A growable queue of bytes with one owner: written at the end, consumed from the front.
///
/// The readable bytes are contiguous. Growth doubles; callers bound it by the limit of what they
/// collect (header bytes, body bytes, answer bytes). An empty buffer holds no memory until it is
/// first written to.
@safe public struct ByteBuffer: ~Copyable {
    @usableFromInline var base: UnsafeMutablePointer<UInt8>?
    public private(set) var capacity: Int
    @usableFromInline var readIndex = 0
    @usableFromInline var writeIndex = 0

    public init(capacity: Int = 0) {
        self.capacity = capacity
        base = capacity > 0 ? .allocate(capacity: capacity) : nil
    }

    deinit { base?.deallocate() }

    /// Bytes written and not yet consumed.
    @inlinable public var count: Int { writeIndex - readIndex }
    @inlinable public var isEmpty: Bool { writeIndex == readIndex }

    /// The readable bytes.
    @inlinable public var span: Span<UInt8> {
        @_lifetime(borrow self)
        get {
            guard let base else { return Span() }
            let span = Span(_unsafeStart: UnsafePointer(base + readIndex), count: count)
            return _overrideLifetime(span, borrowing: self)
        }
    }

    /// The readable bytes, for writing into in place.
    @inlinable public var mutableSpan: MutableSpan<UInt8> {
        @_lifetime(&self)
        mutating get {
            guard let base else { return MutableSpan() }
            let span = MutableSpan(_unsafeStart: base + readIndex, count: count)
            return _overrideLifetime(span, mutating: &self)
        }
    }

    /// A copy of the readable bytes as text; invalid UTF-8 is repaired.
    public var text: String {
        span.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }

    /// A copy of the readable bytes.
    public var bytes: [UInt8] { span.withUnsafeBufferPointer { Array($0) } }

    /// Takes `byteCount` bytes off the front.
    @inlinable public mutating func consume(_ byteCount: Int) {
        precondition(byteCount >= 0 && byteCount <= count, "only what is there is consumed")
        readIndex += byteCount
        if readIndex == writeIndex {
            readIndex = 0
            writeIndex = 0
        }
    }

    /// Takes bytes off the end, keeping the first `byteCount` readable ones.
    @inlinable public mutating func truncate(to byteCount: Int) {
        precondition(byteCount >= 0 && byteCount <= count, "a buffer is only shortened")
        writeIndex = readIndex + byteCount
    }

    /// Forgets all bytes and keeps the memory.
    @inlinable public mutating func removeAll() {
        readIndex = 0
        writeIndex = 0
    }

    /// Makes room for `byteCount` more bytes: by moving to the front, else by growing.
    @inlinable public mutating func reserve(_ byteCount: Int) {
        if capacity - writeIndex < byteCount { makeRoom(byteCount) }
    }

    @usableFromInline mutating func makeRoom(_ byteCount: Int) {
        let used = count
        precondition(byteCount >= 0 && byteCount <= Int.max / 4 - used, "room fits in an Int")
        if let base, capacity - used >= byteCount, readIndex >= used {
            memmove(base, base + readIndex, used)
        } else {
            let grown = max(capacity * 2, used + byteCount, 256)
            let target = UnsafeMutablePointer<UInt8>.allocate(capacity: grown)
            if let base {
                memcpy(target, base + readIndex, used)
                base.deallocate()
            }
            base = target
            capacity = grown
        }
        readIndex = 0
        writeIndex = used
    }

    @inlinable public mutating func append(_ byte: UInt8) {
        reserve(1)
        base.unsafelyUnwrapped[writeIndex] = byte
        writeIndex += 1
    }

    @inlinable public mutating func append(_ bytes: Span<UInt8>) {
        bytes.withUnsafeBufferPointer { append($0) }
    }

    /// Appends the readable bytes of another buffer.
    @inlinable public mutating func append(contentsOf other: borrowing ByteBuffer) {
        guard let start = other.base else { return }
        append(UnsafeBufferPointer(start: start + other.readIndex, count: other.count))
    }

    /// Appends the first readable bytes of another buffer.
    @inlinable public mutating func append(
        contentsOf other: borrowing ByteBuffer, first byteCount: Int
    ) {
        precondition(byteCount >= 0 && byteCount <= other.count, "only what is there is appended")
        guard let start = other.base else { return }
        append(UnsafeBufferPointer(start: start + other.readIndex, count: byteCount))
    }

    /// Appends text as UTF-8.
    @inlinable public mutating func append(_ text: StaticString) {
        if text.hasPointerRepresentation {
            append(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        } else {
            append(String(describing: text))
        }
    }

    /// Appends text as UTF-8.
    @inlinable public mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append($0) }
    }

    @inlinable public mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { append($0) }
    }

    /// Appends a decimal number without allocating.
    public mutating func append(decimal value: Int) {
        if value < 0 { append(UInt8(ascii: "-")) }
        append(decimal: UInt64(value.magnitude))
    }

    /// Appends a decimal number without allocating.
    public mutating func append(decimal value: UInt64) {
        reserve(20)
        var digits = 1
        var power: UInt64 = 10
        while digits < 20, value >= power {
            digits += 1
            if digits < 20 { power *= 10 }
        }
        var rest = value
        let start = base.unsafelyUnwrapped + writeIndex
        var index = digits
        while index > 0 {
            index -= 1
            start[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        writeIndex += digits
    }

    @unsafe @inlinable public mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let source = bytes.baseAddress, !bytes.isEmpty else { return }
        reserve(bytes.count)
        memcpy(base.unsafelyUnwrapped + writeIndex, source, bytes.count)
        writeIndex += bytes.count
    }

    /// Lets `body` fill free memory behind the readable bytes and say how much it wrote. For the
    /// pointer islands (system calls, C libraries).
    @unsafe @inlinable public mutating func write<Failure: Error>(
        atLeast byteCount: Int,
        _ body: (UnsafeMutableBufferPointer<UInt8>) throws(Failure) -> Int
    ) throws(Failure) -> Int {
        reserve(byteCount)
        let free = UnsafeMutableBufferPointer(
            start: base.unsafelyUnwrapped + writeIndex, count: capacity - writeIndex)
        let written = try body(free)
        precondition(written >= 0 && written <= free.count, "what was written fits")
        writeIndex += written
        return written
    }

    /// Removes the bytes of a range, closing the gap by moving what follows. Costs a move of the
    /// tail.
    public mutating func removeSubrange(_ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "a range of what is there")
        guard let base, !range.isEmpty else { return }
        let tail = count - range.upperBound
        memmove(
            base + readIndex + range.lowerBound, base + readIndex + range.upperBound, tail)
        writeIndex -= range.count
    }

    init(adopting base: UnsafeMutablePointer<UInt8>, capacity: Int) {
        self.base = base
        self.capacity = capacity
    }

    /// Hands the memory to a pool.
    mutating func surrender() -> (base: UnsafeMutablePointer<UInt8>, capacity: Int)? {
        guard let memory = base else { return nil }
        let result = (base: memory, capacity: capacity)
        base = nil
        capacity = 0
        readIndex = 0
        writeIndex = 0
        return result
    }

    /// Forgets all bytes, and keeps the memory unless it is larger than `capacityMax`.
    public mutating func clear(keepingUpTo capacityMax: Int) {
        if capacity > capacityMax { release() } else { removeAll() }
    }

    /// Gives the memory back; the buffer is then as new.
    public mutating func release() {
        base?.deallocate()
        base = nil
        capacity = 0
        readIndex = 0
        writeIndex = 0
    }
}
