extension ByteBuffer {
    /// Appends the shortest decimal that reads back as the same Float: `5.1`, `1.0`, `1e-7`.
    ///
    /// Always a JSON value with a point or an exponent, so that readers take it for a float: JSON
    /// has no text for NaN and the infinities, they become `null`. Allocates nothing once the
    /// buffer is large enough.
    public mutating func append(shortest value: Float) {
        guard value.isFinite else { return append("null") }
        reserve(Self.shortestBytesMax)
        if value == 0 { return append(value.sign == .minus ? "-0.0" : "0.0") }
        appendDecimal(ShortestDecimal(value.magnitude), isNegative: value < 0)
    }

    /// Appends the shortest decimal that reads back as the same Double. See the one for Float.
    public mutating func append(shortest value: Double) {
        guard value.isFinite else { return append("null") }
        reserve(Self.shortestBytesMax)
        if value == 0 { return append(value.sign == .minus ? "-0.0" : "0.0") }
        appendDecimal(ShortestDecimal(value.magnitude), isNegative: value < 0)
    }

    /// A sign, 17 digits, a point, `0.000` in front or `e-324` behind; 8 more for whole words.
    private static var shortestBytesMax: Int { 40 }

    /// Writes plain digits for 10^-4 ≤ value < 10^16, else one digit before the point and an
    /// exponent, as Python and Swift do.
    @inline(__always)
    private mutating func appendDecimal(_ decimal: ShortestDecimal, isNegative: Bool) {
        let start = base.unsafelyUnwrapped + writeIndex
        var cursor = start
        if isNegative {
            cursor.pointee = UInt8(ascii: "-")
            cursor += 1
        }
        var digits = decimal.digits
        var exponent = decimal.exponent
        // Only integers and tens still end in zeros.
        while exponent >= 0 || digits % 10 == 0 {
            let (quotient, remainder) = digits.quotientAndRemainder(dividingBy: 10)
            guard remainder == 0, quotient != 0 else { break }
            digits = quotient
            exponent += 1
        }
        let count = Self.decimalDigitCount(digits)
        // The value is 0.DIGITS · 10^point.
        let point = count + exponent
        if point > 16 || point < -3 {
            cursor = Self.writeScientific(digits, count, point - 1, at: cursor)
        } else if point <= 0 {
            cursor[0] = UInt8(ascii: "0")
            cursor[1] = UInt8(ascii: ".")
            for index in 0..<(-point) { cursor[2 + index] = UInt8(ascii: "0") }
            cursor += 2 - point
            Self.writeDigits(digits, count, at: cursor)
            cursor += count
        } else if point < count {
            // Written one place to the right; then the whole part moves left of the point.
            Self.writeDigits(digits, count, at: cursor + 1)
            for index in 0..<point { cursor[index] = cursor[index + 1] }
            cursor[point] = UInt8(ascii: ".")
            cursor += count + 1
        } else {
            Self.writeDigits(digits, count, at: cursor)
            cursor += count
            for _ in count..<point {
                cursor.pointee = UInt8(ascii: "0")
                cursor += 1
            }
            cursor[0] = UInt8(ascii: ".")
            cursor[1] = UInt8(ascii: "0")
            cursor += 2
        }
        writeIndex += cursor - start
    }

    private static func writeScientific(
        _ digits: UInt64, _ count: Int, _ exponent: Int, at start: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        var cursor = start
        writeDigits(digits, count, at: cursor + 1)
        cursor[0] = cursor[1]
        cursor += 1
        if count > 1 {
            cursor.pointee = UInt8(ascii: ".")
            cursor += count
        }
        cursor.pointee = UInt8(ascii: "e")
        cursor += 1
        if exponent < 0 {
            cursor.pointee = UInt8(ascii: "-")
            cursor += 1
        }
        let magnitude = UInt64(exponent.magnitude)
        let length = decimalDigitCount(magnitude)
        writeDigits(magnitude, length, at: cursor)
        return cursor + length
    }

    /// Writes exactly `count` digits, two at a time from the end.
    @inline(__always)
    private static func writeDigits(
        _ value: UInt64, _ count: Int, at start: UnsafeMutablePointer<UInt8>
    ) {
        let pairs = digitPairs.utf8Start
        var rest = value
        var cursor = start + count
        while cursor - start >= 2 {
            let (quotient, pair) = rest.quotientAndRemainder(dividingBy: 100)
            cursor -= 2
            cursor[0] = pairs[Int(2 &* pair)]
            cursor[1] = pairs[Int(2 &* pair &+ 1)]
            rest = quotient
        }
        if cursor > start { start.pointee = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest) }
    }

    /// The digits of a number: 1 for 0 … 9.
    @inline(__always) private static func decimalDigitCount(_ value: UInt64) -> Int {
        // log10 from log2 by 1233 / 4096, which is one too few at most.
        let bits = 64 &- (value | 1).leadingZeroBitCount
        let guess = (bits &* 1_233) >> 12
        return guess &+ (value < decimalPowers[guess] ? 0 : 1)
    }
}

private let digitPairs: StaticString = """
    0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546\
    4748495051525354555657585960616263646566676869707172737475767778798081828384858687888990919293\
    949596979899
    """

private let decimalPowers: [UInt64] = [
    0, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000,
    10_000_000_000, 100_000_000_000, 1_000_000_000_000, 10_000_000_000_000, 100_000_000_000_000,
    1_000_000_000_000_000, 10_000_000_000_000_000, 100_000_000_000_000_000,
    1_000_000_000_000_000_000, 10_000_000_000_000_000_000,
]
