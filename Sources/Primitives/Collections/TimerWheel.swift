/// Coarse timers: tokens that come due at a millisecond, kept in a ring of buckets (Varghese and
/// Lauck, "Hashed and hierarchical timing wheels", SOSP 1987, scheme 6).
///
/// There is no cancel: the owner compares the due time with what it wants by then and ignores or
/// schedules again. Scheduling is O(1), advancing O(buckets passed + entries in them).
public struct TimerWheel {
    private struct Entry {
        let token: UInt64
        let due: UInt64
    }

    public struct Expiry: Equatable {
        public let token: UInt64
        /// The time that was asked for.
        public let due: UInt64
    }

    private let tickMilliseconds: UInt64
    private var buckets: [[Entry]]
    private var tick: UInt64
    public private(set) var count = 0

    /// `nowMilliseconds` is the owner's clock; the bucket count is a power of two.
    public init(nowMilliseconds: UInt64, tickMilliseconds: UInt64 = 50, bucketCount: Int = 512) {
        precondition(bucketCount > 0 && bucketCount & (bucketCount - 1) == 0, "a power of two")
        self.tickMilliseconds = tickMilliseconds
        buckets = Array(repeating: [], count: bucketCount)
        tick = nowMilliseconds / tickMilliseconds
    }

    /// Makes `token` expire in the first `advance` at or after `due`, rounded up to a tick.
    public mutating func schedule(_ token: UInt64, due: UInt64) {
        let target = max((due + tickMilliseconds - 1) / tickMilliseconds, tick + 1)
        buckets[Int(target) & (buckets.count - 1)].append(Entry(token: token, due: due))
        count += 1
    }

    /// Appends what is due to `expired`, in no particular order within a tick.
    public mutating func advance(toMilliseconds now: UInt64, into expired: inout [Expiry]) {
        let target = now / tickMilliseconds
        guard target > tick else { return }
        let steps = min(target - tick, UInt64(buckets.count))
        for step in 1...steps {
            let index = Int(tick + step) & (buckets.count - 1)
            guard !buckets[index].isEmpty else { continue }
            var kept = 0
            for position in buckets[index].indices {
                let entry = buckets[index][position]
                if entry.due <= now {
                    expired.append(Expiry(token: entry.token, due: entry.due))
                } else {
                    buckets[index][kept] = entry
                    kept += 1
                }
            }
            count -= buckets[index].count - kept
            buckets[index].removeLast(buckets[index].count - kept)
        }
        tick = target
    }
}
