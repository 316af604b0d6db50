#if canImport(Glibc)
    import Glibc
#endif

/// A decimal number as scanned from text: ± `significand` · 10^`exponent`.
///
/// Holds the first 19 significant digits. When there are more, `isTruncated` is set and the exact
/// value is in the text alone (`start` ..< `end`).
@usableFromInline struct ScannedDecimal {
    @usableFromInline var significand: UInt64 = 0
    /// Saturated at ± 10^9, far outside of what any format holds.
    @usableFromInline var exponent = 0
    @usableFromInline var isNegative = false
    @usableFromInline var isTruncated = false
    @usableFromInline var start: UnsafePointer<UInt8>
    @usableFromInline var end: UnsafePointer<UInt8>

    @usableFromInline init(start: UnsafePointer<UInt8>, end: UnsafePointer<UInt8>) {
        self.start = start
        self.end = end
    }
}

/// The constants of an IEEE 754 binary format that decimal conversion needs.
struct BinaryFormat {
    let significandBits: Int
    let exponentMinimum: Int
    let exponentInfinite: Int
    /// Powers of ten outside of this range give zero or infinity for every 64-bit significand.
    let powerMinimum: Int
    let powerMaximum: Int
    /// Powers for which a 64-bit significand can lie exactly between two values of the format.
    let tieMinimum: Int
    let tieMaximum: Int

    @inline(__always) static var double: BinaryFormat {
        BinaryFormat(
            significandBits: 52, exponentMinimum: -1023, exponentInfinite: 0x7FF,
            powerMinimum: -342, powerMaximum: 308, tieMinimum: -4, tieMaximum: 23)
    }

    @inline(__always) static var float: BinaryFormat {
        BinaryFormat(
            significandBits: 23, exponentMinimum: -127, exponentInfinite: 0xFF,
            powerMinimum: -64, powerMaximum: 38, tieMinimum: -17, tieMaximum: 10)
    }

    @inline(__always) var infinity: UInt64 { UInt64(exponentInfinite) << UInt64(significandBits) }
}

/// The bits of the value of `format` nearest to `significand` · 10^`power`, ties to even, without
/// sign; `format.infinity` on overflow.
///
/// Eisel–Lemire: Lemire, "Number parsing at a gigabyte per second" (SPE 2021), with the proof of
/// Mushtak and Lemire, "Fast number parsing without fallback" (SPE 2023): exact for every 64-bit
/// significand. Two multiplications at most.
@inline(__always)
func nearestBits(significand: UInt64, power: Int, format: BinaryFormat) -> UInt64 {
    if significand == 0 || power < format.powerMinimum { return 0 }
    if power > format.powerMaximum { return format.infinity }
    let leadingZeros = significand.leadingZeroBitCount
    let normalized = significand &<< UInt64(leadingZeros)

    // Truncated powers, but those of the exact quotients 10^-27 … 10^-1 are rounded up.
    let entry = 2 &* (power &- powersOfTenMinimum)
    var (high, low) = normalized.multipliedFullWidth(by: powersOfTen[entry])
    let mask = UInt64.max >> UInt64(format.significandBits + 3)
    if high & mask == mask {
        let roundUp: UInt64 = power < 0 && power >= -27 ? 1 : 0
        let second = normalized.multipliedFullWidth(by: powersOfTen[entry &+ 1] &+ roundUp)
        let (sum, carry) = low.addingReportingOverflow(second.high)
        low = sum
        if carry { high &+= 1 }
    }

    let upperBit = Int(high >> 63)
    let shift = upperBit &+ 64 &- format.significandBits &- 3
    var result = high &>> UInt64(shift)
    // floor(log2(10^power)) + 63, by a multiplication exact in this range.
    let binaryPower = ((217_706 &* power) >> 16) &+ 63
    var exponent = binaryPower &+ upperBit &- leadingZeros &- format.exponentMinimum
    if exponent <= 0 {
        let drop = 1 &- exponent
        if drop >= 64 { return 0 }
        result &>>= UInt64(drop)
        result &+= result & 1
        result >>= 1
        // Rounding up to the smallest normal number sets its exponent bit by itself.
        return result
    }
    if low <= 1, power >= format.tieMinimum, power <= format.tieMaximum, result & 3 == 1,
        result &<< UInt64(shift) == high
    {
        result &= ~1
    }
    result &+= result & 1
    result >>= 1
    let hidden: UInt64 = 1 &<< UInt64(format.significandBits)
    if result >= hidden &<< 1 {
        result = hidden
        exponent &+= 1
    }
    if exponent >= format.exponentInfinite { return format.infinity }
    return (result & ~hidden) | (UInt64(exponent) &<< UInt64(format.significandBits))
}

extension ScannedDecimal {
    /// The nearest Double, ties to even; infinite when out of range.
    @inline(__always) var double: Double {
        if exponent >= -22, exponent <= 22, significand <= 1 << 53, !isTruncated {
            // Clinger's fast path: both operands are exact, so the one operation rounds correctly.
            let value = Double(Int64(bitPattern: significand))
            let scaled =
                exponent < 0
                ? value / exactPowersOfTen[-exponent] : value * exactPowersOfTen[exponent]
            return isNegative ? -scaled : scaled
        }
        return doubleSlowly()
    }

    /// The nearest Float, ties to even, rounded once; infinite when out of range.
    @inline(__always) var float: Float {
        if exponent >= -10, exponent <= 10, significand <= 1 << 24, !isTruncated {
            let value = Float(Int32(truncatingIfNeeded: significand))
            // Powers up to 10^10 are exact in a Float.
            let scaled =
                exponent < 0
                ? value / Float(exactPowersOfTen[-exponent])
                : value * Float(exactPowersOfTen[exponent])
            return isNegative ? -scaled : scaled
        }
        return floatSlowly()
    }

    @inline(never) func doubleSlowly() -> Double {
        var bits = nearestBits(significand: significand, power: exponent, format: .double)
        if isTruncated,
            bits != nearestBits(significand: significand &+ 1, power: exponent, format: .double)
        {
            bits = withExactText { strtod($0, nil).bitPattern }
        }
        return Double(bitPattern: isNegative ? bits | 1 << 63 : bits)
    }

    @inline(never) func floatSlowly() -> Float {
        let nearest = nearestBits(significand: significand, power: exponent, format: .float)
        var bits = UInt32(truncatingIfNeeded: nearest)
        if isTruncated,
            nearest != nearestBits(significand: significand &+ 1, power: exponent, format: .float)
        {
            bits = withExactText { strtof($0, nil).bitPattern }
        }
        return Float(bitPattern: isNegative ? bits | 1 << 31 : bits)
    }

    /// Gives the digits as `DIGITSeEXPONENT`: without a point, so that no locale matters, and with
    /// at most 800 digits, since a value halfway between two Doubles has at most 768: digits past
    /// them only say whether the value lies above, which one more `1` says as well.
    private func withExactText<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
        let digitsMax = 800
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: digitsMax + 32) { text in
            var count = 0
            var dropped = 0
            var fraction = 0
            var sawPoint = false
            var nonZeroDropped = false
            var next = start
            while next < end, next.pointee | 0x20 != UInt8(ascii: "e") {
                let byte = next.pointee
                next += 1
                if byte == UInt8(ascii: ".") { sawPoint = true }
                guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { continue }
                if sawPoint { fraction += 1 }
                if count == 0, byte == UInt8(ascii: "0") { continue }
                if count < digitsMax {
                    text[count] = CChar(bitPattern: byte)
                    count += 1
                } else {
                    dropped += 1
                    if byte != UInt8(ascii: "0") { nonZeroDropped = true }
                }
            }
            var power = writtenExponent(from: next) - fraction + dropped
            if nonZeroDropped {
                text[count] = CChar(bitPattern: UInt8(ascii: "1"))
                count += 1
                power -= 1
            }
            text[count] = CChar(bitPattern: UInt8(ascii: "e"))
            count += 1
            if power < 0 {
                text[count] = CChar(bitPattern: UInt8(ascii: "-"))
                count += 1
            }
            var scale = 1
            while scale <= Int(power.magnitude) / 10 { scale *= 10 }
            while scale > 0 {
                let digit = UInt8(truncatingIfNeeded: Int(power.magnitude) / scale % 10)
                text[count] = CChar(bitPattern: UInt8(ascii: "0") + digit)
                count += 1
                scale /= 10
            }
            text[count] = 0
            return body(text.baseAddress.unsafelyUnwrapped)
        }
    }

    /// The number behind the `e`, saturated as in scanning; 0 when there is none.
    private func writtenExponent(from start: UnsafePointer<UInt8>) -> Int {
        var next = start
        guard next < end else { return 0 }
        next += 1
        var isNegative = false
        if next < end, next.pointee == UInt8(ascii: "-") || next.pointee == UInt8(ascii: "+") {
            isNegative = next.pointee == UInt8(ascii: "-")
            next += 1
        }
        var value = 0
        while next < end {
            if value < 100_000_000 { value = value * 10 + Int(next.pointee &- UInt8(ascii: "0")) }
            next += 1
        }
        return isNegative ? -value : value
    }
}

/// The powers of ten that a Double holds exactly.
let exactPowersOfTen: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
]
