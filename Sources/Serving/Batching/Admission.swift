/// Whether a request may wait for a worker.
public enum Admission: Sendable, Equatable {
    case admitted
    /// It may, though it is expected to be late: the estimate is old and many were refused by it.
    case probe
    /// Its model's queue, or all queues together, hold what they may. Times in nanoseconds.
    case queueFull(retryAfter: UInt64)
    /// What waits before it would make it late. It would be in time later.
    case tooLate(wait: UInt64, run: UInt64, retryAfter: UInt64)
    /// Its run alone takes longer than it may: coming back does not help.
    case tooShort(run: UInt64)
}
