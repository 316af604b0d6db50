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
    let rest = source + (count & 4)
    let four =
        switch count & 3 {
        case 0: SIMD4<Float>(repeating: padding)
        case 1: SIMD4<Float>(rest[0], padding, padding, padding)
        case 2: SIMD4<Float>(rest[0], rest[1], padding, padding)
        default: SIMD4<Float>(rest[0], rest[1], rest[2], padding)
        }
    if count & 4 == 0 {
        return F8(lowHalf: four, highHalf: SIMD4(repeating: padding))
    }
    let low = UnsafeRawPointer(source).loadUnaligned(as: SIMD4<Float>.self)
    return F8(lowHalf: low, highHalf: four)
}

/// Writes the first `count` (below 8) floats.
@inline(__always)
func store(_ value: F8, _ target: UnsafeMutablePointer<Float>, count: Int) {
    var target = target
    var four = value.lowHalf
    if count & 4 != 0 {
        UnsafeMutableRawPointer(target).storeBytes(of: four, as: SIMD4<Float>.self)
        four = value.highHalf
        target += 4
    }
    var two = four.lowHalf
    if count & 2 != 0 {
        UnsafeMutableRawPointer(target).storeBytes(of: two, as: SIMD2<Float>.self)
        two = four.highHalf
        target += 2
    }
    if count & 1 != 0 { target.pointee = two.x }
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

/// The greatest lane, where none is NaN.
@inline(__always)
func greatest(_ value: F8) -> Float {
    let (a, b) = (value.lowHalf, value.highHalf)
    let four = a.replacing(with: b, where: b .> a)
    let two = four.lowHalf.replacing(with: four.highHalf, where: four.highHalf .> four.lowHalf)
    return two.x < two.y ? two.y : two.x
}

/// The greater of each pair of lanes; `a` where either is NaN.
@inline(__always)
func greater(_ a: F8, _ b: F8) -> F8 { select(b .> a, b, a) }
