import Load
import Testing

private func times(_ schedule: ArrivalSchedule, _ count: Int) -> [UInt64] {
    var schedule = schedule
    return (0..<count).map { _ in schedule.next() }
}

private func gaps(_ times: [UInt64]) -> [Double] {
    zip(times.dropFirst(), times).map { Double($0 - $1) }
}

@Test(arguments: [50.0, 1000, 250_000])
func poissonGapsHaveTheMeanAndVarianceOfAnExponentialDistribution(rate: Double) {
    let count = 200_000
    let list = gaps(times(ArrivalSchedule(.poisson, rate: rate, seed: 42), count))
    let mean = list.reduce(0, +) / Double(list.count)
    let variance = list.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(list.count)
    let wanted = 1e9 / rate
    // The mean of n exponential gaps is off by 1/√n, their variance by √8/√n, times 5 for certainty.
    let root = Double(count).squareRoot()
    #expect(abs(mean / wanted - 1) < 5 / root)
    #expect(abs(variance / (wanted * wanted) - 1) < 5 * 8.0.squareRoot() / root)
    // Beyond the first two moments: e⁻¹ of all gaps are longer than the mean.
    let longer = list.count { $0 > wanted }
    #expect(abs(Double(longer) / Double(list.count) - 0.36788) < 0.006)
}

@Test func aSecondsArrivalsArePoissonDistributed() {
    // The count in windows of 10 ms at 1,000 a second has mean 10 and variance 10.
    var counts = [Int](repeating: 0, count: 10_000)
    for time in times(ArrivalSchedule(.poisson, rate: 1000, seed: 7), 100_000) {
        let window = Int(time / 10_000_000)
        if window < counts.count { counts[window] += 1 }
    }
    let used = counts.prefix(9_500)
    let mean = Double(used.reduce(0, +)) / Double(used.count)
    let variance =
        used.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / Double(used.count)
    #expect(abs(mean - 10) < 0.3 && abs(variance - 10) < 0.9)
}

@Test func constantArrivalsAreEvenlySpacedWithoutDrift() {
    let list = times(ArrivalSchedule(.constant, rate: 3), 3_000_001)
    #expect(list[0] == 0 && list[1] == 333_333_333)
    #expect(list[3_000_000] == 1_000_000 * 1_000_000_000)
}

@Test func theSameSeedGivesTheSameTimesAndAnotherOthers() {
    func list(_ seed: UInt64, _ thread: Int) -> [UInt64] {
        times(ArrivalSchedule(.poisson, rate: 10, thread: thread, threads: 2, seed: seed), 100)
    }
    #expect(list(1, 0) == list(1, 0))
    #expect(list(1, 0) != list(2, 0))
    #expect(list(1, 0) != list(1, 1))
    #expect(list(1, 0) == list(1, 0).sorted())
}

@Test(arguments: Arrivals.allCases)
func threadsTogetherHaveTheWholeRate(arrivals: Arrivals) {
    let second: UInt64 = 1_000_000_000
    var all: [UInt64] = []
    for thread in 0..<3 {
        let schedule = ArrivalSchedule(
            arrivals, rate: 9_000, thread: thread, threads: 3, seed: 5)
        all += times(schedule, 6_000).filter { $0 < second }
    }
    #expect(abs(all.count - 9_000) < 480)
    guard arrivals == .constant else { return }
    // Shifted against each other: one every ninth of a millisecond.
    let sorted = gaps(all.sorted())
    #expect(all.count == 9_000 && sorted.allSatisfy { abs($0 - 111_111) < 3 })
}
