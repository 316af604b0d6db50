import Primitives

/// A number with ranks.
protocol RankValue: ForestValue {
    /// How many of the 16 values at `block` are below x; none are below NaN.
    static func countBelow(_ block: UnsafePointer<Self>, _ x: Self) -> Int
}

extension Float: RankValue {
    @inline(__always)
    static func countBelow(_ block: UnsafePointer<Float>, _ x: Float) -> Int {
        let (source, x) = (UnsafeRawPointer(block), SIMD8<Float>(repeating: x))
        let low: SIMDMask<SIMD8<Int32>> = source.loadUnaligned(as: SIMD8<Float>.self) .< x
        let high: SIMDMask<SIMD8<Int32>> =
            source.loadUnaligned(fromByteOffset: 32, as: SIMD8<Float>.self) .< x
        let counts =
            unsafeBitCast(low, to: SIMD8<Int32>.self) &+ unsafeBitCast(high, to: SIMD8<Int32>.self)
        return Int(0 &- counts.wrappedSum())
    }
}

extension Double: RankValue {
    @inline(__always)
    static func countBelow(_ block: UnsafePointer<Double>, _ x: Double) -> Int {
        let (source, x) = (UnsafeRawPointer(block), SIMD8<Double>(repeating: x))
        let low: SIMDMask<SIMD8<Int64>> = source.loadUnaligned(as: SIMD8<Double>.self) .< x
        let high: SIMDMask<SIMD8<Int64>> =
            source.loadUnaligned(fromByteOffset: 64, as: SIMD8<Double>.self) .< x
        let counts =
            unsafeBitCast(low, to: SIMD8<Int64>.self) &+ unsafeBitCast(high, to: SIMD8<Int64>.self)
        return Int(0 &- counts.wrappedSum())
    }
}

/// Fills the columns of one feature for at most 64 rows.
///
/// A rank is how many thresholds are below the value, from -128 on. Where NaN passes it has the least
/// rank (which the count gives by itself), where it fails the greatest.
@inline(__always)
func rankFeature<Value: RankValue>(
    _ feature: UnsafePointer<RankFeature>, _ thresholds: UnsafePointer<Value>,
    _ x: UnsafePointer<Value>, _ rows: Int, _ features: Int, _ columns: UnsafeMutableRawPointer,
    hasNaN: Bool
) {
    let values = x + Int(feature.pointee.feature)
    let blocks = thresholds + Int(feature.pointee.start)
    let chosen = feature.pointee.columns
    var first = chosen.0
    if first < 0 { first = chosen.1 }
    if first < 0 { first = chosen.2 }
    if first < 0 { first = chosen.3 }
    let column = (columns + 64 * Int(first)).assumingMemoryBound(to: Int8.self)
    if feature.pointee.hasPivots {
        for row in 0..<rows {
            let value = values[row * features]
            let block = 16 * Value.countBelow(blocks, value)
            let rank = block + Value.countBelow(blocks + (16 + block), value)
            column[row] = Int8(truncatingIfNeeded: rank - 128)
        }
    } else {
        for row in 0..<rows {
            let rank = Value.countBelow(blocks, values[row * features])
            column[row] = Int8(truncatingIfNeeded: rank - 128)
        }
    }
    if chosen.1 >= 0, chosen.1 != first { copy(column, columns, chosen.1) }
    if chosen.2 >= 0, chosen.2 != first { copy(column, columns, chosen.2) }
    if chosen.3 >= 0, chosen.3 != first { copy(column, columns, chosen.3) }
    if chosen.0 >= 0, hasNaN { markNaN(values, rows, features, columns, chosen.0) }
    if chosen.2 >= 0 { markZero(values, rows, features, columns, chosen.2, .max) }
    if chosen.3 >= 0 { markZero(values, rows, features, columns, chosen.3, .min) }
}

@inline(__always)
private func copy(
    _ column: UnsafePointer<Int8>, _ columns: UnsafeMutableRawPointer, _ target: Int16
) {
    (columns + 64 * Int(target)).copyMemory(from: column, byteCount: 64)
}

/// Gives NaN the greatest rank.
@inline(__always)
private func markNaN<Value: RankValue>(
    _ values: UnsafePointer<Value>, _ rows: Int, _ features: Int,
    _ columns: UnsafeMutableRawPointer, _ target: Int16
) {
    let column = (columns + 64 * Int(target)).assumingMemoryBound(to: Int8.self)
    for row in 0..<rows {
        let value = values[row * features]
        if value != value { column[row] = .max }
    }
}

/// Gives NaN and LightGBM's zero a rank.
private func markZero<Value: RankValue>(
    _ values: UnsafePointer<Value>, _ rows: Int, _ features: Int,
    _ columns: UnsafeMutableRawPointer, _ target: Int16, _ rank: Int8
) {
    let column = (columns + 64 * Int(target)).assumingMemoryBound(to: Int8.self)
    for row in 0..<rows {
        let value = values[row * features]
        if value != value || isZero(value) { column[row] = rank }
    }
}
