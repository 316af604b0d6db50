/// Eight floats: one AVX register, or two of SSE or NEON.
typealias F8 = SIMD8<Float>
typealias Mask8 = SIMDMask<SIMD8<Int32>>

@inline(__always)
func load(_ source: UnsafePointer<Float>) -> F8 {
    UnsafeRawPointer(source).loadUnaligned(as: F8.self)
}

@inline(__always)
func store(_ value: F8, _ target: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(target).storeBytes(of: value, as: F8.self)
}

/// The first `count` (below 8) floats, then `padding`.
@inline(__always)
func load(_ source: UnsafePointer<Float>, count: Int, padding: Float = 0) -> F8 {
    var value = F8(repeating: padding)
    for lane in 0..<count { value[lane] = source[lane] }
    return value
}

/// Writes the first `count` (below 8) floats.
@inline(__always)
func store(_ value: F8, _ target: UnsafeMutablePointer<Float>, count: Int) {
    for lane in 0..<count { target[lane] = value[lane] }
}

/// sum + a · b, rounded once where the instruction set fuses. (`addingProduct` without hardware
/// FMA would call libm lane by lane.)
@inline(__always)
func multiplyAdd(_ sum: F8, _ a: F8, _ b: F8) -> F8 {
    #if MARTLET_FMA
        sum.addingProduct(a, b)
    #else
        sum + a * b
    #endif
}

/// Lanes of `yes` where the mask holds, else of `no`.
///
/// (`replacing` becomes one blend; a mask cast to integers would be taken apart lane by lane.)
@inline(__always)
func select(_ mask: Mask8, _ yes: F8, _ no: F8) -> F8 { no.replacing(with: yes, where: mask) }

@inline(__always)
func integers(_ value: F8) -> SIMD8<Int32> { unsafeBitCast(value, to: SIMD8<Int32>.self) }

@inline(__always)
func floats(_ value: SIMD8<Int32>) -> F8 { unsafeBitCast(value, to: F8.self) }

@inline(__always)
func magnitude(_ value: F8) -> F8 { floats(integers(value) & SIMD8(repeating: 0x7fff_ffff)) }

/// `value` with the sign bit of `sign`.
@inline(__always)
func copySign(_ sign: F8, to value: F8) -> F8 {
    let mask = SIMD8<Int32>(repeating: 0x7fff_ffff)
    return floats((integers(value) & mask) | (integers(sign) & ~mask))
}

/// The sum of the lanes, always in this order: halves, quarters, the last two.
@inline(__always)
func sum(_ value: F8) -> Float {
    let four = value.lowHalf + value.highHalf
    let two = four.lowHalf + four.highHalf
    return two.x + two.y
}

/// The greatest lane; a NaN never wins.
@inline(__always)
func greatest(_ value: F8) -> Float {
    var top = -Float.infinity
    for lane in 0..<8 where value[lane] > top { top = value[lane] }
    return top
}

/// The greater of each pair of lanes; `a` where either is NaN.
@inline(__always)
func greater(_ a: F8, _ b: F8) -> F8 { select(b .> a, b, a) }
