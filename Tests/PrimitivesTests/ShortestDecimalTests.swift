import Primitives
import Testing

/// The significant digits of a number and its power of ten, however it is written.
private func digits(_ text: String) -> String {
    let parts = text.lowercased().split(separator: "e")
    var exponent = parts.count > 1 ? Int(parts[1])! : 0
    var digits = ""
    var isFraction = false
    for character in parts[0] where character != "-" {
        if character == "." {
            isFraction = true
        } else {
            digits.append(character)
            if isFraction { exponent -= 1 }
        }
    }
    digits = String(digits.drop { $0 == "0" })
    while digits.hasSuffix("0") {
        digits.removeLast()
        exponent += 1
    }
    return digits.isEmpty ? "0" : "\(digits)e\(exponent)"
}

@Test func randomDoublesPrintShortestAndReadBack() {
    var random = Generator(state: 1)
    var failures = 0
    for _ in 0..<1_000_000 {
        let value = Double(bitPattern: random.next())
        guard value.isFinite else { continue }
        let printed = shortest(value)
        if double(printed)?.bitPattern != value.bitPattern { failures += 1 }
        if digits(printed) != digits(value.description) { failures += 1 }
        if failures > 0 {
            Issue.record("\(value) printed as \(printed)")
            break
        }
    }
    #expect(failures == 0)
}

@Test func randomFloatsPrintShortestAndReadBack() {
    var random = Generator(state: 2)
    var failures = 0
    for _ in 0..<1_000_000 {
        let value = Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
        guard value.isFinite else { continue }
        let printed = shortest(value)
        if float(printed)?.bitPattern != value.bitPattern { failures += 1 }
        if digits(printed) != digits(value.description) { failures += 1 }
        if failures > 0 {
            Issue.record("\(value) printed as \(printed)")
            break
        }
    }
    #expect(failures == 0)
}

@Test(
    arguments: [
        (0.0, "0.0"), (-0.0, "-0.0"), (1, "1.0"), (5.1, "5.1"), (-0.25, "-0.25"), (100, "100.0"),
        (1_234_567, "1234567.0"), (0.0001, "0.0001"), (0.00001, "1e-5"), (1.5e-7, "1.5e-7"),
        (9_999_999_999_999_998, "9999999999999998.0"), (1e16, "1e16"), (1.25e20, "1.25e20"),
        (.leastNonzeroMagnitude, "5e-324"), (1.7976931348623157e308, "1.7976931348623157e308"),
        (9_007_199_254_740_991, "9007199254740991.0"),
        (9_007_199_254_740_992, "9007199254740992.0"),
        (9_007_199_254_740_994, "9007199254740994.0"), (0.1 + 0.2, "0.30000000000000004"),
        (4 * .leastNonzeroMagnitude, "2e-323"), (123456.789, "123456.789"),
        (1e-4 * 3, "0.00030000000000000003"),
        (.nan, "null"), (.infinity, "null"), (-.infinity, "null"), (1e15, "1000000000000000.0"),
    ] as [(Double, String)])
func doublesAreWrittenAsPeopleExpect(_ sample: (Double, String)) {
    #expect(shortest(sample.0) == sample.1)
}

@Test(
    arguments: [
        (0.1, "0.1"), (0.3, "0.3"), (1, "1.0"), (16_777_216, "16777216.0"),
        (3.4028235e38, "3.4028235e38"),
        (.leastNonzeroMagnitude, "1e-45"), (1.1754944e-38, "1.1754944e-38"), (-5.1, "-5.1"),
        (.nan, "null"),
        (-.infinity, "null"), (0.97, "0.97"), (1e16, "1e16"), (8.5e9, "8500000000.0"),
    ] as [(Float, String)])
func floatsAreWrittenAsPeopleExpect(_ sample: (Float, String)) {
    #expect(shortest(sample.0) == sample.1)
}

@Test func everyPowerOfTwoAndTenPrintsAndReadsBack() {
    for exponent in -1074...1023 {
        let value = Double(sign: .plus, exponent: exponent, significand: 1)
        for near in [value, value.nextUp, value.nextDown] where near > 0 {
            #expect(double(shortest(near))?.bitPattern == near.bitPattern)
            #expect(digits(shortest(near)) == digits(near.description))
        }
    }
    for exponent in -149...127 {
        let value = Float(sign: .plus, exponent: exponent, significand: 1)
        for near in [value, value.nextUp, value.nextDown] where near > 0 {
            #expect(float(shortest(near))?.bitPattern == near.bitPattern)
            #expect(digits(shortest(near)) == digits(near.description))
        }
    }
    for exponent in -323...308 {
        #expect(double("1e\(exponent)")?.bitPattern == Double("1e\(exponent)")!.bitPattern)
        if exponent > 16 || exponent < -4 {
            #expect(shortest(Double("1e\(exponent)")!) == "1e\(exponent)")
        }
    }
}
