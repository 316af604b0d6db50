import KernelsPortable
import KernelsV3
import Primitives

extension KernelSet {
    /// Each row of y = (x - mean) / √(variance + ε) · scale + shift of the row of x; without
    /// `isCentered`, x / √(mean of squares + ε) · scale (RMSNorm).
    @inline(never)
    public func layerNorm(
        _ x: Span<Float>, rows: Int, columns: Int, epsilon: Float, isCentered: Bool,
        scale: Span<Float>, shift: Span<Float>?, y: inout MutableSpan<Float>
    ) {
        precondition(
            x.count == area(rows, columns) && y.count == x.count, "both hold the matrix")
        precondition(scale.count == columns, "a scale a column")
        var shiftAddress: UnsafePointer<Float>?
        if let shift {
            precondition(shift.count == columns, "a shift a column")
            shiftAddress = unsafe shift.address
        }
        switch level {
        case .portable:
            unsafe KernelsPortable.layerNormF32(
                x.address, rows: rows, columns: columns, epsilon: epsilon, isCentered: isCentered,
                scale: scale.address, shift: shiftAddress, y: y.address)
        case .v3:
            unsafe KernelsV3.layerNormF32(
                x.address, rows: rows, columns: columns, epsilon: epsilon, isCentered: isCentered,
                scale: scale.address, shift: shiftAddress, y: y.address)
        }
    }

    /// A step of LSTM cells: c = f · c + i · g and h = o · tanh(c).
    ///
    /// A row of `gates` holds the sums of i, o, f and g, `hidden` values each; i, o and f go through the
    /// logistic function, g through tanh.
    @inline(never)
    public func lstmCell(
        gates: Span<Float>, rows: Int, hidden: Int, c: inout MutableSpan<Float>,
        h: inout MutableSpan<Float>
    ) {
        let count = area(rows, hidden)
        precondition(
            gates.count == area(count, 4) && c.count == count && h.count == count,
            "four sums a cell, a state and an output")
        switch level {
        case .portable:
            unsafe KernelsPortable.lstmCellF32(
                gates.address, rows: rows, hidden: hidden, c: c.address, h: h.address)
        case .v3:
            unsafe KernelsV3.lstmCellF32(
                gates.address, rows: rows, hidden: hidden, c: c.address, h: h.address)
        }
    }
}
