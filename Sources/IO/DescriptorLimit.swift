import Glibc

/// How many file descriptors the process may have (RLIMIT_NOFILE).
public enum DescriptorLimit {
    /// Raises the soft limit to the hard one and returns what is allowed then. The soft limit is
    /// low (1,024) only for programs that use select(2); poll and epoll bear any number.
    public static func raise() -> Int {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return 1_024 }
        if limit.rlim_cur < limit.rlim_max {
            var wanted = limit
            wanted.rlim_cur = limit.rlim_max
            if setrlimit(resource, &wanted) == 0 { limit = wanted }
        }
        return Int(clamping: limit.rlim_cur)
    }
}
