import Glibc
import Primitives

/// How arrivals of an open loop follow each other.
public enum Arrivals: String, Sendable, CaseIterable {
    /// Independent of each other, as those of many users are: gaps are exponentially distributed.
    case poisson
    /// Evenly spaced.
    case constant
}

/// The intended send times of one thread, in nanoseconds from the start; the same for the same seed.
///
/// `threads` schedules together have the wanted rate: sums of Poisson processes are one, and evenly
/// spaced threads are shifted against each other.
public struct ArrivalSchedule: Sendable {
    private let arrivals: Arrivals
    private let gap: Double
    private var random: SplitMix
    private var time: Double
    private var index = 0
    private let first: Double

    /// `rate` is that of all threads, a second.
    public init(
        _ arrivals: Arrivals, rate: Double, thread: Int = 0, threads: Int = 1, seed: UInt64 = 1
    ) {
        precondition(rate > 0 && threads > 0 && thread >= 0, "somebody arrives")
        self.arrivals = arrivals
        gap = 1e9 * Double(threads) / rate
        random = SplitMix(seed: seed &+ UInt64(thread) &* 0x9e37_79b9_7f4a_7c15)
        first = gap * Double(thread) / Double(threads)
        time = 0
    }

    /// The next time, never before the last one.
    public mutating func next() -> UInt64 {
        switch arrivals {
        case .constant:
            // From the count, so that rounding does not add up.
            time = first + gap * Double(index)
            index += 1
        case .poisson:
            // 1 - unit is never 0.
            time -= log(1 - random.unit) * gap
        }
        return UInt64(min(time, 9e18))
    }
}
