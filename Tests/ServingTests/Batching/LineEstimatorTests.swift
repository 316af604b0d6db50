import Serving
import Testing

/// Feeds runs of random sizes that cost `base + perRow·n`, up to a tenth more or less.
private func feed(
    _ estimator: inout LineEstimator, _ random: inout SeededRandom, count: Int, base: Double,
    perRow: Double, sizes: ClosedRange<Int> = 1...64, outliers: Double = 0
) {
    for _ in 0..<count {
        let n = Int.random(in: sizes, using: &random)
        var y = (base + perRow * Double(n)) * Double.random(in: 0.9...1.1, using: &random)
        if Double.random(in: 0..<1, using: &random) < outliers { y *= 20 }
        estimator.observe(rows: n, nanoseconds: y)
    }
}

private func isNear(_ estimator: LineEstimator, _ base: Double, _ perRow: Double, _ part: Double)
    -> Bool
{
    [1, 8, 32, 64].allSatisfy { n in
        let truth = base + perRow * Double(n)
        return abs(estimator.nanoseconds(rows: n) - truth) < truth * part
    }
}

@Test func aWrongLineIsLearned() {
    var random = SeededRandom(1)
    var estimator = LineEstimator(rows1: 1, nanoseconds1: 5_000, rows2: 64, nanoseconds2: 6_000)
    feed(&estimator, &random, count: 300, base: 20_000, perRow: 1_500)
    #expect(isNear(estimator, 20_000, 1_500, 0.12))
}

@Test func rareOutliersHardlyCount() {
    var random = SeededRandom(2)
    var estimator = LineEstimator(
        rows1: 1, nanoseconds1: 21_500, rows2: 64, nanoseconds2: 116_000)
    feed(&estimator, &random, count: 2_000, base: 20_000, perRow: 1_500, outliers: 0.02)
    #expect(isNear(estimator, 20_000, 1_500, 0.15))
    let before = estimator.nanoseconds(rows: 32)
    estimator.observe(rows: 32, nanoseconds: before * 1_000)
    #expect(estimator.nanoseconds(rows: 32) < before * 1.05)
}

@Test func aSlowerMachineIsFollowed() {
    var random = SeededRandom(3)
    var estimator = LineEstimator(
        rows1: 1, nanoseconds1: 21_500, rows2: 64, nanoseconds2: 116_000)
    feed(&estimator, &random, count: 200, base: 20_000, perRow: 1_500)
    feed(&estimator, &random, count: 150, base: 60_000, perRow: 4_500)
    #expect(isNear(estimator, 60_000, 4_500, 0.12))
    feed(&estimator, &random, count: 300, base: 20_000, perRow: 1_500)
    #expect(isNear(estimator, 20_000, 1_500, 0.12))
}

@Test func runsOfOneSizeScaleTheLineAndKeepItsShape() {
    var random = SeededRandom(4)
    var estimator = LineEstimator(
        rows1: 1, nanoseconds1: 21_500, rows2: 64, nanoseconds2: 116_000)
    feed(&estimator, &random, count: 500, base: 40_000, perRow: 3_000, sizes: 16...16)
    #expect(isNear(estimator, 40_000, 3_000, 0.15))
}

@Test func neitherPartIsEverNegative() {
    var random = SeededRandom(5)
    var estimator = LineEstimator(rows1: 1, nanoseconds1: 1_000, rows2: 64, nanoseconds2: 64_000)
    for _ in 0..<2_000 {
        estimator.observe(
            rows: Int.random(in: 1...64, using: &random),
            nanoseconds: Double.random(in: 0...1e6, using: &random))
        #expect(estimator.base >= 0)
        #expect(estimator.perRow >= 0)
        #expect(estimator.nanoseconds(rows: 64).isFinite)
    }
}
