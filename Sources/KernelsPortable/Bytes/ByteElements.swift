import CVector
import Primitives

// Functions of bytes element by element. Bytes are unsigned here; `flip` is 0x80 for signed ones, which
// makes them unsigned, 128 greater, and `zero` is counted the same way.

/// y = x / scale, rounded, plus a zero point, held inside of the range: `KernelSet.quantize`.
@inline(never)
public func quantizeBytes(
    _ x: UnsafePointer<Float>, count: Int, scale: Float, low: Float, high: Float, zero: Int32,
    y: UnsafeMutablePointer<UInt8>
) {
    let divisor = SIMD16<Float>(repeating: scale)
    var index = 0
    while index < count {
        let rest = count - index
        let values = floats(x + index, rest) / divisor
        store(quantizedBytes(values, low: low, high: high, zero: zero), y + index, rest)
        index += 16
    }
}

/// The same with a scale and a zero point a column, for rows of `columns` values.
@inline(never)
public func quantizeByteRows(
    _ x: UnsafePointer<Float>, rows: Int, columns: Int, scales: UnsafePointer<Float>,
    zeros: UnsafePointer<Float>?, least: Float, greatest: Float, y: UnsafeMutablePointer<UInt8>
) {
    let (lows, highs) = (SIMD16<Float>(repeating: least), SIMD16<Float>(repeating: greatest))
    for row in 0..<rows {
        let (source, target) = (x + row * columns, y + row * columns)
        var column = 0
        while column < columns {
            let rest = columns - column
            let zero = zeros.map { floats($0 + column, rest) } ?? SIMD16(repeating: 0)
            let divisor = floats(scales + column, rest)
            let values = floats(source + column, rest) / divisor
            // Rounded inside of a range that holds every result, then moved and held again: both exact.
            let (far, near) = (SIMD16<Float>(repeating: -1024), SIMD16<Float>(repeating: 1024))
            let held = far.replacing(with: values, where: values .> far)
            let inside = held.replacing(with: near, where: held .> near)
            let magic = SIMD16<Float>(repeating: 12_582_912)
            let moved = (inside + magic) - magic + zero
            let above = lows.replacing(with: moved, where: moved .> lows)
            let result = above.replacing(with: highs, where: above .> highs)
            let integers = unsafeBitCast(result + magic, to: SIMD16<Int32>.self)
            store(
                martlet_low_bytes(integers &- SIMD16(repeating: 0x4b40_0000)), target + column,
                rest)
            column += 16
        }
    }
}

/// y = (x − zero) · scale: `KernelSet.dequantize`.
@inline(never)
public func dequantizeBytes(
    _ x: UnsafePointer<UInt8>, count: Int, flip: UInt8, scale: Float, zero: Int32,
    y: UnsafeMutablePointer<Float>
) {
    let factor = SIMD16<Float>(repeating: scale)
    var index = 0
    while index < count {
        let rest = count - index
        store(real(x + index, rest, flip, zero) * factor, y + index, rest)
        index += 16
    }
}

/// The same with a scale and a zero point a column.
@inline(never)
public func dequantizeByteRows(
    _ x: UnsafePointer<UInt8>, rows: Int, columns: Int, flip: UInt8,
    scales: UnsafePointer<Float>, zeros: UnsafePointer<Float>?, y: UnsafeMutablePointer<Float>
) {
    let shift: Int32 = flip == 0 ? 0 : 128
    for row in 0..<rows {
        let (source, target) = (x + row * columns, y + row * columns)
        var column = 0
        while column < columns {
            let rest = columns - column
            let zero = zeros.map { floats($0 + column, rest) } ?? SIMD16(repeating: 0)
            let value = real(source + column, rest, flip, shift) - zero
            store(value * floats(scales + column, rest), target + column, rest)
            column += 16
        }
    }
}

/// x − zero, exactly.
@inline(__always)
private func real(
    _ x: UnsafePointer<UInt8>, _ count: Int, _ flip: UInt8, _ zero: Int32
) -> SIMD16<Float> {
    let unsigned = bytes(x, count) ^ SIMD16(repeating: flip)
    return martlet_floats(martlet_widen(unsigned) &- SIMD16(repeating: zero))
}

/// The sum or product of two lists of quantized numbers, quantized: `KernelSet.pair`.
@inline(never)
public func pairBytes(
    _ a: ByteScale, _ x: UnsafePointer<UInt8>, _ b: ByteScale, _ z: UnsafePointer<UInt8>,
    isProduct: Bool, count: Int, scale: Float, low: Float, high: Float, zero: Int32,
    y: UnsafeMutablePointer<UInt8>
) {
    let (left, right) = (SIMD16<Float>(repeating: a.scale), SIMD16<Float>(repeating: b.scale))
    let divisor = SIMD16<Float>(repeating: scale)
    var index = 0
    while index < count {
        let rest = count - index
        let first = real(x + index, rest, a.flip, a.zero) * left
        let second = real(z + index, rest, b.flip, b.zero) * right
        let values = (isProduct ? first * second : first + second) / divisor
        store(quantizedBytes(values, low: low, high: high, zero: zero), y + index, rest)
        index += 16
    }
}

/// y = table[x].
@inline(never)
public func mapBytes(
    _ x: UnsafePointer<UInt8>, count: Int, table: UnsafePointer<UInt8>,
    y: UnsafeMutablePointer<UInt8>
) {
    for index in 0..<count { y[index] = table[Int(x[index])] }
}

/// The least and the greatest of numbers and zero; a NaN counts nothing.
@inline(never)
public func rangeOfFloats(_ x: UnsafePointer<Float>, count: Int) -> (low: Float, high: Float) {
    var lows = SIMD16<Float>(repeating: 0)
    var highs = lows
    var index = 0
    while index < count {
        let values = floats(x + index, count - index)
        lows = lows.replacing(with: values, where: values .< lows)
        highs = highs.replacing(with: values, where: values .> highs)
        index += 16
    }
    var (low, high): (Float, Float) = (0, 0)
    for lane in 0..<16 {
        if lows[lane] < low { low = lows[lane] }
        if highs[lane] > high { high = highs[lane] }
    }
    return (low, high)
}
