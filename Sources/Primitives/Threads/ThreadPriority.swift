import CLinux

/// How the calling thread stands against the others.
public enum ThreadPriority {
    /// Makes the calling thread give way to all others of the process, for good: work that nobody waits
    /// for (loading, shadow traffic) then takes the processor time that is left. SCHED_BATCH and nice 10
    /// (sched(7)), and from Linux 6.12 on a slice of 100 ms: there a thread that wakes with a shorter one, as
    /// all others have, runs at once, and not at the end of a clock tick of 4 ms. On a server that is busy it
    /// still gets its tenth. A system that forbids it leaves the thread as it is.
    public static func lower() { martlet_lower_thread_priority() }

    /// Makes the calling thread run only while a processor has nothing else to do, for good: SCHED_IDLE. To a
    /// thread that wakes, a processor with such a thread is a free one; one with a thread of low priority is
    /// not, and the thread queues behind another of its own kind instead. On a server without any time to
    /// spare it gets three thousandths of a processor.
    public static func idle() { martlet_idle_thread_priority() }

    /// Whether the calling thread gives way to others, by one of these. It should hold nothing that they want.
    public static var givesWay: Bool { martlet_thread_gives_way() != 0 }
}
