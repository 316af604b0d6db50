/// Buckets whose width grows with what they hold, as in HdrHistogram: each power of two is cut into
/// 2^precision equal parts, and values below 2^precision have a bucket each.
///
/// A bucket's midpoint is off by 2^-(precision + 1) of the value at most: 0.05 % at 10.
public struct LogLinearScale: Sendable, Equatable {
    public let precision: Int
    /// Values at and above 2^bits go into the last bucket.
    public let bits: Int
    public let count: Int

    public init(precision: Int, bits: Int) {
        precondition(precision >= 0 && bits > precision && bits < 64, "a power has its parts")
        self.precision = precision
        self.bits = bits
        count = (bits - precision + 1) << precision
    }

    /// 0 … count - 1.
    @inline(__always)
    public func index(of value: UInt64) -> Int {
        guard value < 1 << UInt64(bits) else { return count - 1 }
        guard value >= 1 << UInt64(precision) else { return Int(value) }
        let shift = 63 - value.leadingZeroBitCount - precision
        return (shift << precision) + Int(value >> UInt64(shift))
    }

    /// The smallest and the largest value of a bucket; for the last one, of those below 2^bits.
    public func range(of index: Int) -> ClosedRange<UInt64> {
        precondition(index >= 0 && index < count, "a bucket of the scale")
        let part = index >> precision
        guard part > 0 else { return UInt64(index)...UInt64(index) }
        let shift = UInt64(part - 1)
        let low = (UInt64(index) - shift << UInt64(precision)) << shift
        return low...(low + (1 << shift) - 1)
    }

    public func midpoint(of index: Int) -> UInt64 {
        let range = range(of: index)
        return range.lowerBound + (range.upperBound - range.lowerBound) / 2
    }

    /// The bucket of the smallest value that at least a share of all values do not exceed; nil
    /// without values. `counts` has `count` elements.
    public func quantile(_ share: Double, of counts: [UInt64]) -> Int? {
        let total = counts.reduce(0, +)
        guard total > 0 else { return nil }
        let wanted = max(1, UInt64((Double(total) * share).rounded(.up)))
        var seen: UInt64 = 0
        for index in counts.indices {
            seen += counts[index]
            if seen >= min(wanted, total) { return index }
        }
        return nil
    }
}
