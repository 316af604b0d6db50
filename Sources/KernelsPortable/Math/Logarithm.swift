// Cephes (Moshier, logf.c): x = m · 2^e with √½ ≤ m < √2, a polynomial of degree 8 in m - 1, and
// e · ln 2 added in two parts.

/// ln x: -∞ at 0, NaN below, ∞ at ∞, NaN at NaN. Denormals count.
@inline(__always)
func logarithm(_ x: F8) -> F8 {
    let one = F8(repeating: 1)
    let isTiny = x .< F8(repeating: Float.leastNormalMagnitude)
    let scaled = select(isTiny, x * F8(repeating: 8_388_608), x)
    // The exponent counted from √½: what lies above in the bits of √½ moves up by one.
    let start = SIMD8<Int32>(repeating: 0x3f35_04f3)
    let offset = integers(scaled) &- start
    let exponentBits = offset & SIMD8(repeating: -0x0080_0000)
    let mantissa = floats(integers(scaled) &- exponentBits)
    let steps = exponentBits &>> SIMD8(repeating: 23)
    let exponent = float(steps) - select(isTiny, F8(repeating: 23), F8(repeating: 0))
    let part = mantissa - one
    let square = part * part
    var polynomial = F8(repeating: 7.037_683_629_2e-2)
    polynomial = multiplyAdd(F8(repeating: -1.151_461_031_0e-1), polynomial, part)
    polynomial = multiplyAdd(F8(repeating: 1.167_699_874_0e-1), polynomial, part)
    polynomial = multiplyAdd(F8(repeating: -1.242_014_084_6e-1), polynomial, part)
    polynomial = multiplyAdd(F8(repeating: 1.424_932_278_7e-1), polynomial, part)
    polynomial = multiplyAdd(F8(repeating: -1.666_805_766_5e-1), polynomial, part)
    polynomial = multiplyAdd(F8(repeating: 2.000_071_476_5e-1), polynomial, part)
    polynomial = multiplyAdd(F8(repeating: -2.499_999_399_3e-1), polynomial, part)
    polynomial = multiplyAdd(F8(repeating: 3.333_333_117_4e-1), polynomial, part)
    var small = polynomial * part * square
    small = multiplyAdd(small, exponent, F8(repeating: -2.121_944_4e-4))
    small = multiplyAdd(small, F8(repeating: -0.5), square)
    let value = multiplyAdd(part + small, exponent, F8(repeating: 0.693_359_375))
    // What the arithmetic above does not cover.
    let infinity = F8(repeating: .infinity)
    let finite = select(x .< infinity, value, x)  // ∞ and NaN stay
    let positive = select(x .< F8(repeating: 0), F8(repeating: .nan), finite)
    return select(x .== F8(repeating: 0), -infinity, positive)
}

/// Small integers (below 2^22) as floats, by bits: converting lane by lane would not vectorise.
@inline(__always)
private func float(_ value: SIMD8<Int32>) -> F8 {
    // The bits of 1.5 · 2^23, whose last place is worth 1.
    let bits = SIMD8<Int32>(repeating: 0x4b40_0000) &+ value
    return floats(bits) - F8(repeating: 12_582_912)
}

/// ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|); the last term by Kahan's correction, which keeps its
/// digits when e^-|x| is too small to change 1. Within 4 ulp.
@inline(__always)
func softplus(_ x: F8) -> F8 {
    let one = F8(repeating: 1)
    let zero = F8(repeating: 0)
    let small = exponential(copySign(F8(repeating: -0.0), to: x))
    let raised = one + small
    let gained = raised - one
    let corrected = logarithm(raised) * (small / gained)
    let tail = select(gained .== zero, small, corrected)
    return select(x .> zero, x, zero) + tail
}
