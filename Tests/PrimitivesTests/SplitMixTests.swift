import Primitives
import Testing

/// The first numbers of the reference implementation (Vigna, splitmix64.c) for the seed 1234567.
@Test func numbersAreThoseOfTheReference() {
    var random = SplitMix(seed: 1_234_567)
    let numbers = (0..<3).map { _ in random.next() }
    #expect(
        numbers == [
            6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
        ])
}

@Test func unitsFillTheirInterval() {
    var random = SplitMix(seed: 1)
    let units = (0..<10_000).map { _ in random.unit }
    #expect(units.allSatisfy { (0..<1).contains($0) })
    #expect(abs(units.reduce(0, +) / 10_000 - 0.5) < 0.015)
}
