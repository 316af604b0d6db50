/// How fast a backlog is worked off: rows a nanosecond, measured while requests wait.
///
/// Only time in which a backlog stood counts: a server that is half idle finishes as many rows as
/// come, which says nothing of what it could do.
public struct DrainMeter: Sendable {
    private var rate = 0.0
    private var measuredAt: UInt64 = 0
    /// Since when a backlog has been standing, and the rows finished since.
    private var since: UInt64?
    private var rows = 0
    private var runs = 0

    /// A sample is this long or this many runs.
    private static let sampleNanoseconds: UInt64 = 20_000_000
    private static let sampleRuns = 8
    private static let smoothing = 0.3
    /// A measurement says nothing of the machine after this time.
    private static let validNanoseconds: UInt64 = 10_000_000_000

    public init() {}

    /// A run ended; `isBacklogged` says whether requests still wait.
    public mutating func finished(rows count: Int, now: UInt64, isBacklogged: Bool) {
        guard let begin = since else {
            since = isBacklogged ? now : nil
            rows = 0
            runs = 0
            return
        }
        rows += count
        runs += 1
        let span = now > begin ? now - begin : 0
        if span >= Self.sampleNanoseconds || (runs >= Self.sampleRuns && span > 0) {
            let sample = Double(rows) / Double(span)
            let isFirst = rate == 0 || now - min(now, measuredAt) > Self.validNanoseconds
            rate = isFirst ? sample : rate + (sample - rate) * Self.smoothing
            measuredAt = now
            since = now
            rows = 0
            runs = 0
        }
        if !isBacklogged { since = nil }
    }

    /// Nothing waits any more: what was counted so far is no measurement.
    public mutating func drained() { since = nil }

    /// Rows a nanosecond, or nil when no backlog was measured lately.
    public func rowsPerNanosecond(now: UInt64) -> Double? {
        guard rate > 0, now - min(now, measuredAt) <= Self.validNanoseconds else { return nil }
        return rate
    }
}
