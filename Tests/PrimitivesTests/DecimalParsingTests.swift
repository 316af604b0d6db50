import Primitives
import Testing

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
