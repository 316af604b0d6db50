/// The latency fits of a model version, one a bucket of row sizes.
///
/// A model with static rows has one. Else a row of twice the elements costs about twice the time or
/// more, so each quarter of an octave of elements has its own line; a bucket that was never run takes
/// its nearest neighbour's, scaled by the elements.
public final class LatencyTable: Sendable {
    private let fits: [LatencyFit]

    /// Quarters of an octave up to 2^31 elements a row.
    private static let bucketCount = 128

    public init(hasStaticRows: Bool) {
        fits = (0..<(hasStaticRows ? 1 : Self.bucketCount)).map { _ in LatencyFit() }
    }

    /// The bucket of rows with this many elements, all inputs together.
    public func bucket(elementsPerRow: Int) -> Int {
        guard fits.count > 1, elementsPerRow > 0 else { return 0 }
        let octave = Int.bitWidth - 1 - elementsPerRow.leadingZeroBitCount
        let leading =
            octave >= 2 ? elementsPerRow >> (octave - 2) : elementsPerRow << (2 - octave)
        let quarter = leading & 3
        return min(octave * 4 + quarter, fits.count - 1)
    }

    /// The line of a bucket, or its neighbour's.
    public func line(bucket: Int) -> LatencyLine {
        if fits[bucket].isCalibrated || fits.count == 1 { return fits[bucket].line }
        for distance in 1..<fits.count {
            for other in [bucket - distance, bucket + distance]
            where fits.indices.contains(other) && fits[other].isCalibrated {
                var line = fits[other].line
                var factor = Self.elements(bucket) / Self.elements(other)
                factor = min(max(factor, 1e-3), 1e3)
                line.base *= max(factor, 1)
                line.perRow *= factor
                return line
            }
        }
        return fits[bucket].line
    }

    /// Elements in the middle of a bucket.
    private static func elements(_ bucket: Int) -> Double {
        let octave = Double(sign: .plus, exponent: bucket / 4, significand: 1)
        return octave * (1 + (Double(bucket % 4) + 0.5) / 4)
    }

    /// What a run of `rows` is expected to take, in nanoseconds.
    public func nanoseconds(rows: Int, bucket: Int = 0) -> Double {
        line(bucket: bucket).nanoseconds(rows: rows)
    }

    /// Sets a bucket's line through two measured points.
    public func calibrate(
        rows1: Int, nanoseconds1: Double, rows2: Int, nanoseconds2: Double, bucket: Int = 0
    ) {
        fits[bucket].calibrate(
            rows1: rows1, nanoseconds1: nanoseconds1, rows2: rows2, nanoseconds2: nanoseconds2)
    }

    /// Learns from a run that was measured.
    public func observe(rows: Int, nanoseconds: UInt64, bucket: Int = 0) {
        fits[bucket].observe(rows: rows, nanoseconds: nanoseconds)
    }
}
