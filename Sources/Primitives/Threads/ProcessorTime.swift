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

/// Memory of this process that is in use, as the kernel counts it against a container's limit:
/// without what can be read again from files.
public enum ResidentMemory {
    /// In bytes (RssAnon and RssShmem of /proc/self/status, proc_pid_status(5)); 0 when it cannot
    /// be read.
    public static var bytes: Int {
        guard
            let contents = try? FileSystem.contents(
                of: "/proc/self/status", byteCountMax: 64 << 10)
        else { return 0 }
        var total = 0
        for line in String(decoding: contents, as: UTF8.self).split(separator: "\n")
        where line.hasPrefix("RssAnon:") || line.hasPrefix("RssShmem:") {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
            if words.count > 1, let kibibytes = Int(words[1]) { total += kibibytes << 10 }
        }
        return total
    }
}
