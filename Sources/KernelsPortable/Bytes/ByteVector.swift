import CVector

/// Held inside of low...high, rounded (halves to even), plus the zero point. What is no number becomes
/// `low`.
///
/// Rounding is an addition: 1.5 · 2²³ plus a small number has the whole number in its lowest bits.
@inline(__always)
func quantizedBytes(
    _ x: SIMD16<Float>, low: Float, high: Float, zero: Int32
) -> SIMD16<UInt8> {
    let (lows, highs) = (SIMD16<Float>(repeating: low), SIMD16<Float>(repeating: high))
    // In this order a NaN fails the comparison and gives way.
    let held = lows.replacing(with: x, where: x .> lows)
    let inside = held.replacing(with: highs, where: held .> highs)
    let rounded = inside + SIMD16(repeating: 12_582_912)
    let integers = unsafeBitCast(rounded, to: SIMD16<Int32>.self)
    return martlet_low_bytes(integers &+ SIMD16(repeating: zero &- 0x4b40_0000))
}

@inline(__always)
func vector(_ source: UnsafePointer<Int32>) -> SIMD16<Int32> {
    UnsafeRawPointer(source).loadUnaligned(as: SIMD16<Int32>.self)
}

@inline(__always)
func vector(_ source: UnsafePointer<Float>) -> SIMD16<Float> {
    UnsafeRawPointer(source).loadUnaligned(as: SIMD16<Float>.self)
}

/// Writes the first `count` of 16 values, or all.
@inline(__always)
func store<T>(_ values: SIMD16<T>, _ target: UnsafeMutablePointer<T>, _ count: Int) {
    if count >= 16 {
        UnsafeMutableRawPointer(target).storeBytes(of: values, as: SIMD16<T>.self)
    } else {
        storeEdge(values, target, count)
    }
}

@inline(never)
private func storeEdge<T>(_ values: SIMD16<T>, _ target: UnsafeMutablePointer<T>, _ count: Int) {
    for lane in 0..<count { target[lane] = values[lane] }
}

/// Sixteen bytes, or the first `count`; nothing behind them is read.
@inline(__always)
func bytes(_ source: UnsafePointer<UInt8>, _ count: Int) -> SIMD16<UInt8> {
    count >= 16
        ? UnsafeRawPointer(source).loadUnaligned(as: SIMD16<UInt8>.self)
        : edge(source, count, padding: 0)
}

/// Sixteen floats, or the first `count` and zeros.
@inline(__always)
func floats(_ source: UnsafePointer<Float>, _ count: Int) -> SIMD16<Float> {
    count >= 16 ? vector(source) : edge(source, count, padding: 0)
}

@inline(never)
private func edge<T>(_ source: UnsafePointer<T>, _ count: Int, padding: T) -> SIMD16<T> {
    var result = SIMD16<T>(repeating: padding)
    for lane in 0..<count { result[lane] = source[lane] }
    return result
}
