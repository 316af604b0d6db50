/// Empty byte buffers kept for reuse by one thread.
///
/// Bounded: at most `countMax` are kept, of `byteCountMax` together, and none larger than
/// `capacityMax`, so that one huge request, or many large ones, do not stay resident.
@safe public struct BufferPool: ~Copyable {
    private struct Memory {
        let base: UnsafeMutablePointer<UInt8>
        let capacity: Int
    }

    private var kept: [Memory] = []
    /// Bytes of the kept buffers together.
    private var keptBytes = 0
    private let countMax: Int
    private let byteCountMax: Int
    private let capacityMax: Int
    private let capacity: Int

    /// New buffers have `capacity` bytes.
    public init(
        capacity: Int, countMax: Int = 256, capacityMax: Int = 256 << 10,
        byteCountMax: Int = Limits.standard.pooledBytesMax
    ) {
        self.capacity = capacity
        self.countMax = countMax
        self.byteCountMax = byteCountMax
        self.capacityMax = capacityMax
        kept.reserveCapacity(countMax)
    }

    deinit {
        for memory in kept { memory.base.deallocate() }
    }

    public mutating func take() -> ByteBuffer {
        if let memory = kept.popLast() {
            keptBytes -= memory.capacity
            return ByteBuffer(adopting: memory.base, capacity: memory.capacity)
        }
        return ByteBuffer(capacity: capacity)
    }

    /// Takes back the memory of a buffer, whose bytes are lost; the buffer is then as new.
    public mutating func reclaim(_ buffer: inout ByteBuffer) {
        guard let memory = buffer.surrender() else { return }
        if kept.count < countMax, memory.capacity <= capacityMax,
            keptBytes + memory.capacity <= byteCountMax
        {
            keptBytes += memory.capacity
            kept.append(Memory(base: memory.base, capacity: memory.capacity))
        } else {
            memory.base.deallocate()
        }
    }
}
