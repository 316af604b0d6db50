#if canImport(Glibc)
    import Glibc
#endif

/// Time that only goes forward, in nanoseconds since some start (CLOCK_MONOTONIC, vDSO: about
/// 20 ns a call). State machines take time as an argument; loops and workers read it here.
public enum MonotonicClock {
    public static var nanoseconds: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}

/// Time that the calling thread itself has computed, in nanoseconds (CLOCK_THREAD_CPUTIME_ID): what
/// others do on the machine does not count. About 300 ns a call.
public enum ThreadClock {
    public static var nanoseconds: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}

/// Seconds since 1970-01-01 UTC, for dates a person or a client reads.
public enum WallClock {
    public static var seconds: Int {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return time.tv_sec
    }

    /// The same in milliseconds.
    public static var milliseconds: Int {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }
}

/// Processor time used, in nanoseconds.
public enum ProcessorClock {
    /// By the calling thread.
    public static var threadNanoseconds: UInt64 { read(CLOCK_THREAD_CPUTIME_ID) }

    /// By all threads of this process.
    public static var processNanoseconds: UInt64 { read(CLOCK_PROCESS_CPUTIME_ID) }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}
