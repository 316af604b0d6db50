import Primitives
import Testing

private func double(_ text: String) -> Double? {
    let bytes = Array(text.utf8)
    var reader = JSONReader(bytes.span)
    do {
        let value = try reader.readDouble()
        try reader.expectEnd()
        return value
    } catch { return nil }
}

private func float(_ text: String) -> Float? {
    let bytes = Array(text.utf8)
    var reader = JSONReader(bytes.span)
    do {
        let value = try reader.readFloat()
        try reader.expectEnd()
        return value
    } catch { return nil }
}

private func shortest(_ value: Double) -> String {
    var buffer = ByteBuffer()
    buffer.append(shortest: value)
    return text(buffer.span)
}

private func shortest(_ value: Float) -> String {
    var buffer = ByteBuffer()
    buffer.append(shortest: value)
    return text(buffer.span)
}

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

private struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
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

/// Texts of up to 25 digits, near and far from what doubles hold, against the C library.
@Test func randomTextsReadAsTheStandardLibraryReadsThem() {
    var random = Generator(state: 3)
    for _ in 0..<1_000_000 {
        var text = random.next() & 1 == 0 ? "" : "-"
        let length = Int.random(in: 1...25, using: &random)
        for index in 0..<length {
            if index == 1 { text += "." }
            let low = index == 0 && length > 1 ? 1 : 0
            text += String(Int.random(in: low...9, using: &random))
        }
        if random.next() & 3 != 0 { text += "e\(Int.random(in: -345...310, using: &random))" }
        let expected = Double(text)!
        let read = double(text)
        if expected.isFinite ? read?.bitPattern != expected.bitPattern : read != nil {
            Issue.record("\(text): \(String(describing: read)) is not \(expected)")
            return
        }
        let expectedFloat = Float(text)!
        let readFloat = float(text)
        if expectedFloat.isFinite
            ? readFloat?.bitPattern != expectedFloat.bitPattern : readFloat != nil
        {
            Issue.record("\(text): \(String(describing: readFloat)) is not \(expectedFloat)")
            return
        }
    }
}

/// Exact decimal expansions of points halfway between two doubles, and texts just beside them.
@Test func halfwayCasesRoundToEven() {
    let samples = [
        "9007199254740993", "9007199254740991", "9007199254740995", "9007199254740992.5",
        "9007199254740993.00000000000000000000000000000000000000000001",
        "9007199254740992.99999999999999999999999999999999999999999999",
        "4503599627370496.5", "4503599627370497.5", "4503599627370497.4999999999999999999999",
        "1.00000000000000011102230246251565404236316680908203125",
        "1.00000000000000011102230246251565404236316680908203124",
        "1.00000000000000011102230246251565404236316680908203126",
        "2.4703282292062327208e-324", "2.4703282292062328e-324", "2.47032822920623272e-324",
        "2.4703282292062327208828439643411068618252990130716238221279284125033775363510437593e-324",
        "2.4703282292062327208828439643411068618252990130716238221279284125033775363510437594e-324",
        "4.9406564584124654e-324", "5e-324", "3e-324", "2.2250738585072011e-308",
        "2.2250738585072012e-308", "2.2250738585072014e-308",
        "2.225073858507201136057409796709131975934819546351645648023426109724822222021076945516529523908135087914149158913039621106870086438694594645527657207407820621743379988141063267329253552286881372149012981122451451889849057222307285255133155755015914397476397983411801999323962548289017107081850690630666655994938275772572015763062690663332647565300009245888316433037779791869612049497390377829704905051080609940730262937128958950003583799967207254304360284078895771796150945516748243471030702609144621572289880258182545180325707018860872113128079512233426288368622321503775666622503982534335974568884423900265498198385487948292206894721689831099698365846814022854243330660339850886445804001034933970427567186443383770486037861622771738545623065874679014086723327636718751234567890123456789012345678901e-308",
        "1.7976931348623157e308", "1.7976931348623158e308", "1e308", "1e23", "8.5e22", "1e22",
        "0.30000001192092896", "16777217", "16777219", "16777217.0000000001", "1e10",
        "1.1754943e-38",
        "1.4e-45", "7e-46", "7.006492321624085e-46", "7.0064923216240853546186479164495e-46",
        "3.4028235e38", "3.4028235677973366e38", "3.4028235677973365e38", "0e400", "0.0e-400",
        "0." + String(repeating: "0", count: 400) + "1", "1" + String(repeating: "0", count: 308),
        "0." + String(repeating: "0", count: 300) + "123456789012345678901234567890",
        "123456789" + String(repeating: "0", count: 290) + ".000e-280",
        "0." + String(repeating: "0", count: 1000) + "1e1000",
    ]
    for sample in samples {
        #expect(double(sample)?.bitPattern == Double(sample)!.bitPattern, "\(sample)")
        #expect(double("-" + sample)?.bitPattern == Double("-" + sample)!.bitPattern, "\(sample)")
        let expected = Float(sample)!
        #expect(
            float(sample)?.bitPattern == (expected.isFinite ? expected.bitPattern : nil),
            "\(sample)")
    }
    #expect(double("1.7976931348623159e308") == nil)
    #expect(double("1e309") == nil)
    #expect(float("3.4028235677973367e38") == nil)
}

/// Between each random double and its neighbour lies a point of at most 768 digits.
@Test func pointsHalfwayBetweenRandomFloatsRoundToEven() {
    var random = Generator(state: 4)
    for _ in 0..<200_000 {
        let value = Float(bitPattern: UInt32(truncatingIfNeeded: random.next())).magnitude
        guard value.isFinite, value.nextUp.isFinite else { continue }
        // The middle is exact as a Double, whose description reads back exactly as a Double only;
        // reading it as a Float must round to even or to the nearer side of the printed text.
        let middle = (Double(value) + Double(value.nextUp)) / 2
        let text = middle.description
        let expected = Float(text)!
        if float(text)?.bitPattern != (expected.isFinite ? expected.bitPattern : nil) {
            Issue.record("\(text)")
            return
        }
    }
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
