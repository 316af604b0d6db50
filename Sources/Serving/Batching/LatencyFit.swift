import Primitives
import Synchronization

/// What a run of one shape bucket costs: `latency(n) = a + b·n` nanoseconds, measured at warm-up and
/// corrected by every run (`LineEstimator`).
///
/// Read by loops and workers, written by whoever ran a batch. Readers see two relaxed atomics; a
/// writer that finds another one at work leaves its run out, so nobody ever waits here.
public final class LatencyFit: Sendable {
    private let base = Atomic<UInt64>((1e9).bitPattern)
    private let perRow = Atomic<UInt64>(0)
    private let calibrated = Atomic<Bool>(false)
    private let estimator = Mutex<LineEstimator?>(nil)

    /// Until it is measured, a model counts as dear: a second a run.
    public init() {}

    /// Whether anything was measured.
    public var isCalibrated: Bool { calibrated.load(ordering: .relaxed) }

    /// Sets the line through two measured points (nanoseconds at two row counts) and forgets the rest.
    public func calibrate(rows1: Int, nanoseconds1: Double, rows2: Int, nanoseconds2: Double) {
        let fresh = LineEstimator(
            rows1: rows1, nanoseconds1: nanoseconds1, rows2: rows2, nanoseconds2: nanoseconds2)
        estimator.withLock { $0 = fresh }
        publish(fresh)
    }

    /// The line at this moment.
    public var line: LatencyLine {
        LatencyLine(
            base: Double(bitPattern: base.load(ordering: .relaxed)),
            perRow: Double(bitPattern: perRow.load(ordering: .relaxed)), isMeasured: isCalibrated)
    }

    /// What a run of `rows` is expected to take, in nanoseconds.
    public func nanoseconds(rows: Int) -> Double { line.nanoseconds(rows: rows) }

    /// Learns from a run that was measured.
    public func observe(rows: Int, nanoseconds: UInt64) {
        guard isCalibrated else {
            // A model that could not be warmed up: one point, taken as half base and half rows.
            let time = Double(nanoseconds)
            calibrate(
                rows1: rows, nanoseconds1: time, rows2: rows * 2, nanoseconds2: time * 1.5)
            return
        }
        let fresh = estimator.withLockIfAvailable { estimator -> LineEstimator? in
            estimator?.observe(rows: rows, nanoseconds: Double(nanoseconds))
            return estimator
        }
        if let fresh, let fresh { publish(fresh) }
    }

    private func publish(_ estimator: LineEstimator) {
        base.store(estimator.base.bitPattern, ordering: .relaxed)
        perRow.store(estimator.perRow.bitPattern, ordering: .relaxed)
        calibrated.store(true, ordering: .relaxed)
    }
}

/// `latency(n) = base + perRow · n`, in nanoseconds.
public struct LatencyLine: Sendable, Equatable {
    public var base: Double
    public var perRow: Double
    /// False for the line of a model that never ran: nothing is refused because of it.
    public var isMeasured: Bool

    public init(base: Double, perRow: Double, isMeasured: Bool = true) {
        self.base = base
        self.perRow = perRow
        self.isMeasured = isMeasured
    }

    public func nanoseconds(rows: Int) -> Double { base + perRow * Double(rows) }

    /// The most rows, `chunk` at the most, whose run is expected within this time; 0 when none is.
    public func rows(within nanoseconds: Double, chunk: Int) -> Int {
        let left = nanoseconds - base
        guard left >= 0 else { return 0 }
        guard perRow > 0, left / perRow < Double(chunk) else { return chunk }
        return Int(left / perRow)
    }

    /// The most rows of a run that are worth the wait for it: more, up to `chunk`, save less than a fiftieth
    /// of the compute, once a run is as long as a slice of time. A model whose rows cost the same alone
    /// and together gains nothing from long runs, and every request would wait for all of one.
    public func rowsThatPay(chunk: Int) -> Int {
        guard isMeasured, perRow > 0 else { return chunk }
        let slice = Double(Limits.standard.sliceMilliseconds) * 1e6
        let rows = max(base * 50, slice) / perRow
        return rows < Double(chunk) ? max(Int(rows), 1) : chunk
    }

    /// What `rows` take in runs of at most `chunk`, one after another.
    public func nanoseconds(rows: Int, chunk: Int) -> Double {
        guard rows > chunk else { return nanoseconds(rows: rows) }
        let runs = (rows + chunk - 1) / chunk
        return Double(runs) * base + perRow * Double(rows)
    }
}
