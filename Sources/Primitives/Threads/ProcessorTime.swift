#if canImport(Glibc)
    import Glibc
#endif

/// CPU time of this process, all threads, user and system.
public enum ProcessorTime {
    public static var nanoseconds: UInt64 {
        var time = timespec()
        guard clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 else { return 0 }
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
