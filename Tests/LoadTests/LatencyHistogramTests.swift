import Load
import Primitives
import Testing

/// What `quantile` promises, by sorting.
private func exact(_ values: [UInt64], _ share: Double) -> UInt64 {
    let sorted = values.sorted()
    let rank = max(1, Int((Double(sorted.count) * share).rounded(.up)))
    return sorted[min(rank, sorted.count) - 1]
}

private func histogram(_ values: [UInt64]) -> LatencyHistogram {
    var result = LatencyHistogram()
    for value in values { result.record(value) }
    return result
}

private let shares = [0.0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0]

@Test(arguments: [1, 2, 3, 10, 999, 50_000])
func quantilesAreThoseOfTheSortedListWithinHalfAThousandth(count: Int) {
    var random = SplitMix(seed: UInt64(count))
    // Spread over magnitudes: nanoseconds to an hour.
    let values = (0..<count).map { _ in random.next() >> (22 + random.next() % 42) }
    let filled = histogram(values)
    for share in shares {
        let wanted = Double(exact(values, share))
        let got = Double(filled.quantile(share) ?? .max)
        #expect(abs(got - wanted) <= wanted * 0.0005 + 0.5, "\(share): \(got) for \(wanted)")
    }
    #expect(filled.minimum == values.min())
    #expect(filled.maximum == values.max())
    #expect(filled.count == UInt64(count))
    let mean = values.reduce(0.0) { $0 + Double($1) } / Double(count)
    #expect(abs((filled.mean ?? -1) - mean) <= mean * 1e-9)
}

@Test func anEmptyHistogramHasNoQuantiles() {
    let empty = LatencyHistogram()
    #expect(empty.quantile(0.5) == nil && empty.maximum == nil && empty.mean == nil)
}

@Test func addingIsRecordingBoth() {
    var random = SplitMix(seed: 5)
    let first = (0..<1000).map { _ in random.next() >> 30 }
    let second = (0..<3000).map { _ in random.next() >> 40 }
    var sum = LatencyHistogram()
    sum.add(histogram(first))
    sum.add(histogram(second))
    sum.add(LatencyHistogram())
    let both = histogram(first + second)
    for share in shares { #expect(sum.quantile(share) == both.quantile(share)) }
    #expect(sum.count == 4000 && sum.maximum == both.maximum && sum.minimum == both.minimum)
}

@Test func valuesBeyondTheScaleKeepTheirMaximum() {
    let filled = histogram([1, UInt64.max, 1 << 50])
    #expect(filled.maximum == UInt64.max)
    #expect(filled.quantile(0.3) == 1)
    #expect((filled.quantile(1) ?? 0) >= 1 << 41)
}
