/// Bucket bounds of a histogram, as Prometheus counts them: a value belongs to the first bucket
/// whose bound is not below it, or to `+Inf`.
public struct HistogramBounds: Sendable {
    /// In the unit that is recorded (nanoseconds, rows), ascending.
    public let values: [UInt64]
    /// The bounds as they stand in a `le` label (seconds, rows).
    let labels: [String]

    /// 10 µs to 10 s, three a decade.
    public static let latency = HistogramBounds(
        values: [
            10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
            10_000_000, 25_000_000, 50_000_000, 100_000_000, 250_000_000, 500_000_000,
            1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000,
        ],
        labels: [
            "1e-05", "2.5e-05", "5e-05", "0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005",
            "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0",
        ])

    /// Rows of a batch, by powers of two.
    public static let rows = HistogramBounds(
        values: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024],
        labels: [
            "1.0", "2.0", "4.0", "8.0", "16.0", "32.0", "64.0", "128.0", "256.0", "512.0", "1024.0",
        ])

    /// Cells a histogram takes: one a bound, `+Inf`, and the sum.
    public var cellCount: Int { values.count + 2 }

    var sumOffset: Int { values.count + 1 }

    /// The bucket of a value: 0…values.count, the last being `+Inf`.
    @inline(__always)
    public func bucket(of value: UInt64) -> Int {
        var index = 0
        while index < values.count, value > values[index] { index += 1 }
        return index
    }
}
