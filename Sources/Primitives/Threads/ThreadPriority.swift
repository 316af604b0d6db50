import CLinux

/// How the calling thread stands against the others.
public enum ThreadPriority {
    /// Makes the calling thread give way to all others of the process, for good: work that nobody waits
    /// for (loading, shadow traffic) then takes the processor time that is left. SCHED_BATCH and nice 10
    /// (sched(7)), and from Linux 6.12 on a slice of 100 ms: there a thread that wakes with a shorter one, as
    /// all others have, runs at once, and not at the end of a clock tick of 4 ms. SCHED_IDLE would give way
    /// as fast, but a load would never end on a server that is busy, and nothing could speed it up again.
    /// A system that forbids it leaves the thread as it is.
    public static func lower() { martlet_lower_thread_priority() }
}
