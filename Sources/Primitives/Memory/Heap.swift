import CLinux

/// What the C library's allocator does with freed memory.
///
/// By itself it learns from the first large block that is freed to keep such blocks, up to 32 MiB,
/// in the heap of each thread: a few large requests then stay resident for ever.
public enum Heap {
    /// Blocks of `byteCount` and more go back to the system as soon as they are freed, for the rest
    /// of the process. Call it once, before there are threads.
    public static func returnBlocks(from byteCount: Int) {
        precondition(byteCount > 0 && byteCount <= 32 << 20, "a size that mallopt(3) takes")
        martlet_set_mmap_threshold(Int32(byteCount))
    }

    /// Gives what is free in every heap back to the system. Holds the lock of one heap at a time;
    /// costs some milliseconds, so it is for a thread that nobody waits for.
    public static func trim() { martlet_trim_heap() }
}
