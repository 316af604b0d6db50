import CVector
import Primitives

/// What a micro-kernel of bytes works on: some rows of A, found where they lie, and some panels of B.
struct ByteTile {
    /// Where the rows of A start.
    var starts: UnsafePointer<UnsafePointer<UInt8>>
    let tapOffsets: UnsafePointer<Int>
    let taps: Int
    /// Neighbouring bytes a tap.
    let run: Int
    /// Turns signed bytes of A into unsigned ones, 128 greater; 0 for those that are.
    let flip: UInt32
    /// The first panel.
    var b: UnsafePointer<Int8>
    /// Bytes from one panel to the next.
    let panelStep: Int
    /// Sums of the rows of A; read only where B has offsets.
    var rowSums: UnsafePointer<Int32>
    var ending: ByteProductEnding
    var target: ByteProductTarget
    let stride: Int
    /// Columns from the target on: fewer than the panels hold at the right edge.
    var columns: Int

    /// Moves on to later rows.
    @inline(__always)
    mutating func advance(rows: Int) {
        starts += rows
        rowSums += rows
        target = target.advanced(by: rows * stride)
    }

    /// Moves on to later panels.
    @inline(__always)
    mutating func advance(panels: Int) {
        let step = panels * 16
        b += panels * panelStep
        columns -= step
        target = target.advanced(by: step)
        ending.bias = ending.bias.map { $0 + step }
        ending.columnSums += step
        ending.offsets = ending.offsets.map { $0 + step }
        ending.scales = ending.scales.map { $0 + step }
        ending.addends = ending.addends.map { $0 + step }
    }

    /// Writes the results of one row over one panel. Not inlined: the loop that closes a tile must stay
    /// small enough to be unrolled, or the sums would live in memory.
    @inline(never)
    func close(_ sums: SIMD16<Int32>, row: Int, panel: Int) {
        let column = panel * 16
        var sums = sums
        if let bias = ending.bias { sums &+= vector(bias + column) }
        if ending.zero != 0 {
            sums &-= vector(ending.columnSums + column) &* SIMD16(repeating: ending.zero)
        }
        if let offsets = ending.offsets {
            sums &-=
                vector(offsets + column)
                &* SIMD16(repeating: rowSums[row] &- ending.rowTerm)
        }
        ending.write(
            sums, column, to: target, at: row * stride + column, count: columns - column)
    }
}

extension ByteProductEnding {
    /// Sums as numbers: scaled, and with what is added to them.
    @inline(__always)
    func reals(_ sums: SIMD16<Int32>, _ column: Int) -> SIMD16<Float> {
        var result = martlet_floats(sums)
        if let scales { result *= vector(scales + column) * SIMD16(repeating: factor) }
        if let addends { result += vector(addends + column) }
        return result
    }

    @inline(__always)
    func quantized(_ x: SIMD16<Float>) -> SIMD16<UInt8> {
        quantizedBytes(x, low: low, high: high, zero: resultZero)
    }

    /// Writes what becomes of corrected sums: `count` of 16 columns, or all.
    @inline(__always)
    func write(
        _ sums: SIMD16<Int32>, _ column: Int, to target: ByteProductTarget, at place: Int,
        count: Int
    ) {
        switch target {
        case .sums(let base): store(sums, base + place, count)
        case .reals(let base): store(reals(sums, column), base + place, count)
        case .bytes(let base): store(quantized(reals(sums, column)), base + place, count)
        }
    }
}
