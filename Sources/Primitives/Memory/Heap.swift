import CLinux

/// The process's heap.
public enum Heap {
    /// Gives free pages back to the system (malloc_trim). Holds the allocator's locks for up to some
    /// milliseconds: after something large was freed, not in a loop.
    public static func trim() { martlet_trim_heap() }
}
