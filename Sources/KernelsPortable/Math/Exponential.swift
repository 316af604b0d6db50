// Range reduction and polynomial of e^x follow Cephes (Moshier, expf.c): x = n·ln 2 + r with
// |r| ≤ ½ ln 2, ln 2 split in two so that n·high is exact, a polynomial of degree 5 for
// (e^r - 1 - r) / r².

private let logE2High: Float = 0.693359375
private let logE2Low: Float = -2.12194440e-4
/// Adding and subtracting it rounds to an integer, which then stands in the low bits.
private let rounder: Float = 12_582_912
/// Its bits. (A literal: `bitPattern` is called, not folded, in a loop as large as these.)
private let rounderBits: Int32 = 0x4b40_0000

/// e^x. Overflow gives ∞, underflow denormals and then 0, NaN gives NaN.
@inline(__always)
func exponential(_ x: F8) -> F8 {
    // Above 89 the result is ∞ anyway. Below -103.98 it rounds to 0: computed from 0 instead and
    // replaced at the end, since underflowing (padding and masked scores do) costs a hundred cycles.
    // NaN compares false and stays.
    let high = F8(repeating: 89)
    let zero = F8(repeating: 0)
    let vanishes = x .< F8(repeating: -103.98)
    let bounded = select(vanishes, zero, select(x .> high, high, x))
    let shifted = multiplyAdd(F8(repeating: rounder), bounded, F8(repeating: 1.442_695_04))
    let count = shifted - F8(repeating: rounder)
    let rest = multiplyAdd(
        multiplyAdd(bounded, count, F8(repeating: -logE2High)), count, F8(repeating: -logE2Low))
    var polynomial = F8(repeating: 1.987_569_15e-4)
    polynomial = multiplyAdd(F8(repeating: 1.398_199_950_7e-3), polynomial, rest)
    polynomial = multiplyAdd(F8(repeating: 8.333_451_907_3e-3), polynomial, rest)
    polynomial = multiplyAdd(F8(repeating: 4.166_579_589_4e-2), polynomial, rest)
    polynomial = multiplyAdd(F8(repeating: 1.666_666_545_9e-1), polynomial, rest)
    polynomial = multiplyAdd(F8(repeating: 5.000_000_120_1e-1), polynomial, rest)
    let value = multiplyAdd(rest, polynomial, rest * rest) + F8(repeating: 1)
    // 2^n in two factors: n runs from -150 to 128, past what one exponent holds. Only the last
    // product rounds.
    let exponent = integers(shifted) &- SIMD8(repeating: rounderBits)
    let half = exponent &>> SIMD8(repeating: 1)
    return select(vanishes, zero, value * power(of2: half) * power(of2: exponent &- half))
}

/// 2^n for n within the normal range.
@inline(__always)
private func power(of2 exponent: SIMD8<Int32>) -> F8 {
    floats((exponent &+ SIMD8(repeating: 127)) &<< SIMD8(repeating: 23))
}

/// 1 / (1 + e^-x), from e^-|x|, so that neither end loses digits.
@inline(__always)
func logistic(_ x: F8) -> F8 {
    let one = F8(repeating: 1)
    let small = exponential(copySign(F8(repeating: -0.0), to: x))
    // NaN fails the comparison; both branches are NaN then.
    return select(x .>= F8(repeating: 0), one, small) / (one + small)
}

/// tanh x: near 0 the polynomial of Cephes' tanhf.c, elsewhere 1 - 2 / (e^2|x| + 1) with x's sign.
@inline(__always)
func hyperbolicTangent(_ x: F8) -> F8 {
    let absolute = magnitude(x)
    let square = x * x
    var polynomial = F8(repeating: -5.704_988_727_45e-3)
    polynomial = multiplyAdd(F8(repeating: 2.063_908_879_54e-2), polynomial, square)
    polynomial = multiplyAdd(F8(repeating: -5.373_971_555_31e-2), polynomial, square)
    polynomial = multiplyAdd(F8(repeating: 1.333_144_220_36e-1), polynomial, square)
    polynomial = multiplyAdd(F8(repeating: -3.333_328_194_22e-1), polynomial, square)
    let near = multiplyAdd(x, polynomial * square, x)
    let one = F8(repeating: 1)
    let far = one - F8(repeating: 2) / (exponential(absolute + absolute) + one)
    return select(absolute .< F8(repeating: 0.625), near, copySign(x, to: far))
}
