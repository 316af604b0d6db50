import Load
import Primitives
import Testing

@Test(arguments: [(0, 1), (4, 42), (10, 42), (1, 10)])
func everyValueIsInTheRangeOfItsBucketAndRangesAreSeamless(precision: Int, bits: Int) {
    let scale = LogLinearScale(precision: precision, bits: bits)
    var next: UInt64 = 0
    for index in 0..<scale.count {
        let range = scale.range(of: index)
        #expect(range.lowerBound == next)
        #expect(scale.index(of: range.lowerBound) == index)
        #expect(scale.index(of: range.upperBound) == index)
        #expect(range.contains(scale.midpoint(of: index)))
        next = range.upperBound + 1
    }
    #expect(next == 1 << UInt64(bits))
    #expect(scale.index(of: next) == scale.count - 1)
    #expect(scale.index(of: .max) == scale.count - 1)
}

@Test func aMidpointIsOffByHalfAPartAtMost() {
    let scale = LogLinearScale(precision: 10, bits: 42)
    var random = SplitMix(seed: 9)
    for _ in 0..<100_000 {
        let value = random.next() >> (22 + random.next() % 42)
        let middle = Double(scale.midpoint(of: scale.index(of: value)))
        #expect(abs(middle - Double(value)) <= Double(value) / 2048)
    }
}

@Test func aQuantileIsTheFirstBucketThatReachesTheShare() {
    let scale = LogLinearScale(precision: 2, bits: 5)
    var counts = [UInt64](repeating: 0, count: scale.count)
    #expect(scale.quantile(0.5, of: counts) == nil)
    counts[3] = 5
    counts[7] = 5
    #expect(scale.quantile(0, of: counts) == 3)
    #expect(scale.quantile(0.5, of: counts) == 3)
    #expect(scale.quantile(0.51, of: counts) == 7)
    #expect(scale.quantile(1, of: counts) == 7)
}
