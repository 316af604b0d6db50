import Primitives

/// Histograms over the cells of counter blocks, each thread with its own block.
public struct ShardedHistogram: Sendable {
    let bounds: HistogramBounds
    let offset: Int

    /// Where the histogram's cells begin in each block.
    public init(bounds: HistogramBounds, offset: Int) {
        self.bounds = bounds
        self.offset = offset
    }

    public var end: Int { offset + bounds.cellCount }

    /// Records a value `times` times, on the calling thread's own block.
    public func record(_ value: UInt64, times: UInt64 = 1, in block: CounterBlock) {
        block.add(offset + bounds.bucket(of: value), times)
        block.add(offset + bounds.sumOffset, value &* times)
    }

    /// The sums of all blocks: cumulative counts a bound (the last is `+Inf`), and the sum of values.
    func collect(_ blocks: [CounterBlock]) -> (cumulative: [UInt64], sum: UInt64) {
        var counts = [UInt64](repeating: 0, count: bounds.values.count + 1)
        var sum: UInt64 = 0
        for block in blocks {
            for index in counts.indices { counts[index] &+= block.load(offset + index) }
            sum &+= block.load(offset + bounds.sumOffset)
        }
        for index in 1..<counts.count { counts[index] &+= counts[index - 1] }
        return (counts, sum)
    }
}
