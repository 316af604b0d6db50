import CLinux

/// How the calling thread stands against the others.
public enum ThreadPriority {
    /// Makes the calling thread give way to all others of the process, for good: work that nobody waits
    /// for (loading, shadow traffic) then takes the processor time that is left. SCHED_BATCH and nice 10
    /// (sched(7)); a system that forbids it leaves the thread as it is.
    public static func lower() { martlet_lower_thread_priority() }
}
