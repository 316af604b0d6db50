import CLinux

/// What the C library's allocator does with freed memory.
///
/// By itself it learns from the first large block that is freed to keep such blocks, up to 32 MiB,
/// in the heap of each thread: a few large requests then stay resident for ever.
public enum Heap {
    /// Blocks of `byteCount` and more go back to the system as soon as they are freed, for the rest
    /// of the process, and a heap keeps twice as much of smaller ones for reuse (the allocator's own
    /// proportion: less, and each body of a megabyte would need new pages). Call it once, before
    /// there are threads.
    public static func returnBlocks(from byteCount: Int) {
        precondition(byteCount > 0 && byteCount <= 32 << 20, "a size that mallopt(3) takes")
        martlet_set_heap_thresholds(Int32(byteCount), Int32(2 * byteCount))
    }

    /// Gives the free end of the calling thread's heap back to the system, which `trim` cannot reach.
    /// For a thread that freed something large and rare; costs two uncontended locks and a system
    /// call. `byteCount` is what `returnBlocks` was told.
    public static func trimOwn(returningFrom byteCount: Int) {
        precondition(byteCount > 0 && byteCount <= 32 << 20, "a size that mallopt(3) takes")
        martlet_trim_own_heap(Int32(2 * byteCount))
    }

    /// What the allocator has, in bytes, over all heaps.
    public struct Figures: Sendable {
        /// Blocks in use, those that are mapped one by one aside.
        public let usedBytes: UInt64
        /// Kept for reuse.
        public let freeBytes: UInt64
        /// Large blocks in use.
        public let mappedBytes: UInt64
    }

    /// Holds the lock of one heap at a time; costs some microseconds a heap (mallinfo2(3)).
    public static func figures() -> Figures {
        var used: UInt64 = 0
        var free: UInt64 = 0
        var mapped: UInt64 = 0
        martlet_heap_figures(&used, &free, &mapped)
        return Figures(usedBytes: used, freeBytes: free, mappedBytes: mapped)
    }

    /// Gives what is free in every heap back to the system. Holds the lock of one heap at a time;
    /// costs some milliseconds, so it is for a thread that nobody waits for.
    public static func trim() { martlet_trim_heap() }
}
