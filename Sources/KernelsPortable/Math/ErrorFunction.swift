// Polynomials fitted to the error function by weighted least squares (minimax to 1e-9), in two parts:
// below 0.95 erf(t) / t - 1 as a polynomial of degree 6 in t², above it log(erfc(t)) of degree 8 in t.

/// Where the second part takes over.
private let seam: Float = 0.95
/// erf(4) is 1 in float32.
private let end: Float = 4

/// erf(t) for 0 ≤ t < 0.95, as t + t · p(t²).
@inline(__always)
private func erfNear(_ t: F8) -> F8 {
    let square = t * t
    var p = F8(repeating: 8.215_423_7e-5)
    p = multiplyAdd(F8(repeating: -8.105_965_1e-4), p, square)
    p = multiplyAdd(F8(repeating: 5.197_797_2e-3), p, square)
    p = multiplyAdd(F8(repeating: -2.685_810_4e-2), p, square)
    p = multiplyAdd(F8(repeating: 1.128_367_25e-1), p, square)
    p = multiplyAdd(F8(repeating: -3.761_263_2e-1), p, square)
    p = multiplyAdd(F8(repeating: 1.283_791_65e-1), p, square)
    return multiplyAdd(t, t, p)
}

/// erfc(t) for t ≥ 0.95; from 4 on, erfc(4).
@inline(__always)
private func erfcFar(_ t: F8) -> F8 {
    let limit = F8(repeating: end)
    let t = select(t .> limit, limit, t)
    var p = F8(repeating: 1.537_537_1e-6)
    p = multiplyAdd(F8(repeating: -4.420_152_4e-5), p, t)
    p = multiplyAdd(F8(repeating: 5.821_333_4e-4), p, t)
    p = multiplyAdd(F8(repeating: -4.695_481_2e-3), p, t)
    p = multiplyAdd(F8(repeating: 2.625_191_2e-2), p, t)
    p = multiplyAdd(F8(repeating: -1.098_039_84e-1), p, t)
    p = multiplyAdd(F8(repeating: -6.320_980_26e-1), p, t)
    p = multiplyAdd(F8(repeating: -1.130_085_42), p, t)
    return exponential(multiplyAdd(F8(repeating: 2.860_241_06e-4), p, t))
}

/// erf x.
@inline(__always)
func errorFunction(_ x: F8) -> F8 {
    let t = magnitude(x)
    let far = F8(repeating: 1) - erfcFar(t)
    // NaN compares false: the far branch is NaN then, too.
    return copySign(x, to: select(t .< F8(repeating: seam), erfNear(t), far))
}

/// x · Φ(x) = x · (1 + erf(x / √2)) / 2; below 0 from erfc, which keeps its digits.
@inline(__always)
func gaussianLinear(_ x: F8) -> F8 {
    let half = F8(repeating: 0.5)
    let t = magnitude(x) * F8(repeating: 0.707_106_781)
    let near = half - half * erfNear(t)
    let tail = select(t .< F8(repeating: seam), near, half * erfcFar(t))
    // erfc(4) stands for all beyond: the product is 0 there, not a little less.
    let isFlat = t .> F8(repeating: end)
    let zero = F8(repeating: 0)
    let share = select(x .>= zero, F8(repeating: 1) - tail, select(isFlat, zero, tail))
    return x * share
}
