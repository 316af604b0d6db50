/// The shortest decimal that reads back as the same binary number: `digits` · 10^`exponent`.
///
/// Schubfach: Giulietti, "The Schubfach way to render doubles" (2020), in the form of Drachennest
/// (Bouvier). Among the shortest candidates it is the one closest to the exact value, which is what
/// Swift, Python, Java and JavaScript print. Three multiplications; nothing is allocated.
struct ShortestDecimal {
    var digits: UInt64
    var exponent: Int

    /// For a finite value above zero.
    @inline(__always) init(_ value: Double) {
        let fraction = value.significandBitPattern
        let biased = Int(value.exponentBitPattern)
        var c = fraction
        var q = 1 - 1075
        if biased != 0 {
            c |= 1 << 52
            q = biased - 1075
            if q <= 0, q > -53, c & ((1 << UInt64(-q)) &- 1) == 0 {
                // An integer below 2^53 is its own shortest form.
                self.init(integer: c >> UInt64(-q))
                return
            }
        }
        let isClose = fraction == 0 && biased > 1
        let k = (q &* 1_262_611 &- (isClose ? 524_031 : 0)) >> 22
        let h = UInt64(truncatingIfNeeded: q &+ ((-k &* 1_741_647) >> 19) &+ 1)
        let (high, low) = Self.power(-k)
        let step = Interval(
            lower: Self.roundToOdd(high, low, (4 &* c &- 2 &+ (isClose ? 1 : 0)) &<< h),
            value: Self.roundToOdd(high, low, (4 &* c) &<< h),
            upper: Self.roundToOdd(high, low, (4 &* c &+ 2) &<< h),
            isEven: c & 1 == 0)
        self.init(step, k)
    }

    /// For a finite value above zero.
    @inline(__always) init(_ value: Float) {
        let fraction = UInt64(value.significandBitPattern)
        let biased = Int(value.exponentBitPattern)
        var c = fraction
        var q = 1 - 150
        if biased != 0 {
            c |= 1 << 23
            q = biased - 150
            if q <= 0, q > -24, c & ((1 << UInt64(-q)) &- 1) == 0 {
                self.init(integer: c >> UInt64(-q))
                return
            }
        }
        let isClose = fraction == 0 && biased > 1
        let k = (q &* 1_262_611 &- (isClose ? 524_031 : 0)) >> 22
        let h = UInt64(truncatingIfNeeded: q &+ ((-k &* 1_741_647) >> 19) &+ 1)
        // 64 bits of the power are enough here, rounded up where it is not exact.
        var power = powersOfTen[2 &* (-k &- powersOfTenMinimum)]
        if k > 0 || k < -27 { power &+= 1 }
        let step = Interval(
            lower: Self.roundToOdd(power, (4 &* c &- 2 &+ (isClose ? 1 : 0)) &<< h),
            value: Self.roundToOdd(power, (4 &* c) &<< h),
            upper: Self.roundToOdd(power, (4 &* c &+ 2) &<< h),
            isEven: c & 1 == 0)
        self.init(step, k)
    }

    @inline(__always) private init(integer: UInt64) {
        digits = integer
        exponent = 0
    }

    /// A value and the ends of the range that rounds to it, all times 4 · 10^-k.
    private struct Interval {
        var lower: UInt64
        var value: UInt64
        var upper: UInt64

        @inline(__always) init(lower: UInt64, value: UInt64, upper: UInt64, isEven: Bool) {
            // The ends belong to the range when the significand is even.
            self.lower = lower &+ (isEven ? 0 : 1)
            self.value = value
            self.upper = upper &- (isEven ? 0 : 1)
        }
    }

    /// Picks a multiple of 10^(k+1) inside the range if there is one, else the best of 10^k.
    @inline(__always) private init(_ step: Interval, _ k: Int) {
        let s = step.value >> 2
        if s >= 10 {
            let tens = s / 10
            let isBelowInside = step.lower <= 40 &* tens
            let isAboveInside = 40 &* tens &+ 40 <= step.upper
            if isBelowInside != isAboveInside {
                digits = tens &+ (isAboveInside ? 1 : 0)
                exponent = k &+ 1
                return
            }
        }
        exponent = k
        let isBelowInside = step.lower <= 4 &* s
        let isAboveInside = 4 &* s &+ 4 <= step.upper
        if isBelowInside != isAboveInside {
            digits = s &+ (isAboveInside ? 1 : 0)
            return
        }
        let middle = 4 &* s &+ 2
        let isUp = step.value > middle || (step.value == middle && s & 1 != 0)
        digits = s &+ (isUp ? 1 : 0)
    }

    /// 10^e to 128 bits, rounded up where it is not exact.
    @inline(__always) private static func power(_ e: Int) -> (high: UInt64, low: UInt64) {
        let entry = 2 &* (e &- powersOfTenMinimum)
        let high = powersOfTen[entry]
        let low = powersOfTen[entry &+ 1]
        if e >= 0, e <= 55 { return (high, low) }
        let (sum, carry) = low.addingReportingOverflow(1)
        return (high &+ (carry ? 1 : 0), sum)
    }

    /// The product's part above 2^128; its last bit is set when anything of weight was cut off.
    @inline(__always)
    private static func roundToOdd(_ high: UInt64, _ low: UInt64, _ factor: UInt64) -> UInt64 {
        let x = low.multipliedFullWidth(by: factor).high
        let y = high.multipliedFullWidth(by: factor)
        let (middle, carry) = y.low.addingReportingOverflow(x)
        let top = y.high &+ (carry ? 1 : 0)
        return top | (middle > 1 ? 1 : 0)
    }

    /// The same for 64 × 32 bits: the part above 2^64.
    @inline(__always)
    private static func roundToOdd(_ power: UInt64, _ factor: UInt64) -> UInt64 {
        let product = power.multipliedFullWidth(by: factor)
        return product.high | (product.low >> 32 > 1 ? 1 : 0)
    }
}
