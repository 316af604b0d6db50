import Synchronization

/// What a batch costs: `latency(n) = a + b·n` nanoseconds, measured at warm-up and corrected by every
/// batch that runs.
///
/// Read by loops and workers, written by whoever ran a batch; a lost update costs a little accuracy
/// and nothing else, so the cells are relaxed atomics.
public final class LatencyFit: Sendable {
    private let base = Atomic<UInt64>(0)
    private let perRow = Atomic<UInt64>(0)
    /// Measured ÷ fitted, smoothed: how the machine runs now against how it ran at warm-up.
    private let correction = Atomic<UInt64>((1.0).bitPattern)

    private let isCalibrated = Atomic<Bool>(false)

    private static let smoothing = 0.05

    /// Until it is measured, a model counts as dear.
    public init() { base.store((1e9).bitPattern, ordering: .relaxed) }

    /// Sets the line through two measured points (nanoseconds at two row counts).
    public func calibrate(rows1: Int, nanoseconds1: Double, rows2: Int, nanoseconds2: Double) {
        var slope = 0.0
        if rows2 > rows1 {
            slope = max(0, (nanoseconds2 - nanoseconds1) / Double(rows2 - rows1))
        }
        let intercept = max(0, nanoseconds1 - slope * Double(rows1))
        base.store(intercept.bitPattern, ordering: .relaxed)
        perRow.store(slope.bitPattern, ordering: .relaxed)
        correction.store((1.0).bitPattern, ordering: .relaxed)
        isCalibrated.store(true, ordering: .relaxed)
    }

    private func fitted(rows: Int) -> Double {
        Double(bitPattern: base.load(ordering: .relaxed))
            + Double(bitPattern: perRow.load(ordering: .relaxed)) * Double(rows)
    }

    /// What a batch of `rows` is expected to take, in nanoseconds.
    public func nanoseconds(rows: Int) -> Double {
        fitted(rows: rows) * Double(bitPattern: correction.load(ordering: .relaxed))
    }

    /// Learns from a batch that ran. One slow run (a preempted thread) moves it little.
    public func observe(rows: Int, nanoseconds: UInt64) {
        guard isCalibrated.load(ordering: .relaxed) else {
            // A model that could not be warmed up: one point, taken as half base and half rows.
            let half = Double(nanoseconds) / 2
            calibrate(
                rows1: rows, nanoseconds1: Double(nanoseconds), rows2: rows * 2,
                nanoseconds2: Double(nanoseconds) + half)
            return
        }
        let expected = max(fitted(rows: rows), 100)
        let ratio = min(max(Double(nanoseconds) / expected, 0.1), 10)
        let old = Double(bitPattern: correction.load(ordering: .relaxed))
        let new = old + (ratio - old) * Self.smoothing
        correction.store(new.bitPattern, ordering: .relaxed)
    }
}
