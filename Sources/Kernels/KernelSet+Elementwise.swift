import KernelsPortable
import KernelsV3
import Primitives

// In all of these the result of an element depends on that element alone: its bits are the same
// wherever it stands.
extension KernelSet {
    /// y[i] = function(x[i]).
    @inline(never)
    public func unary(_ function: UnaryFunction, x: Span<Float>, y: inout MutableSpan<Float>) {
        precondition(x.count == y.count, "one result an element")
        unsafe unary(function, x.address, y.address, count: x.count)
    }

    /// y[i] = function(y[i]).
    @inline(never)
    public func unary(_ function: UnaryFunction, inPlace y: inout MutableSpan<Float>) {
        let address = unsafe y.address
        unsafe unary(function, address, address, count: y.count)
    }

    private func unary(
        _ function: UnaryFunction, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
        count: Int
    ) {
        switch level {
        case .portable: unsafe KernelsPortable.unaryF32(function, x, y, count: count)
        case .v3: unsafe KernelsV3.unaryF32(function, x, y, count: count)
        }
    }

    /// y[i] = function(a[i], b[i]).
    @inline(never)
    public func binary(
        _ function: BinaryFunction, a: Span<Float>, b: Span<Float>, y: inout MutableSpan<Float>
    ) {
        precondition(
            a.count == b.count && a.count == y.count, "operands and result are equally long")
        unsafe binary(function, a.address, b.address, y.address, count: a.count)
    }

    /// y[i] = function(y[i], b[i]).
    @inline(never)
    public func binary(
        _ function: BinaryFunction, inPlace y: inout MutableSpan<Float>, b: Span<Float>
    ) {
        precondition(b.count == y.count, "operands and result are equally long")
        let address = unsafe y.address
        unsafe binary(function, address, b.address, address, count: y.count)
    }

    private func binary(
        _ function: BinaryFunction, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>,
        _ y: UnsafeMutablePointer<Float>, count: Int
    ) {
        switch level {
        case .portable: unsafe KernelsPortable.binaryF32(function, a, b, y, count: count)
        case .v3: unsafe KernelsV3.binaryF32(function, a, b, y, count: count)
        }
    }

    /// y[i] = function(a[i], scalar).
    @inline(never)
    public func binaryScalar(
        _ function: BinaryFunction, a: Span<Float>, scalar: Float, y: inout MutableSpan<Float>
    ) {
        precondition(a.count == y.count, "one result an element")
        switch level {
        case .portable:
            unsafe KernelsPortable.binaryScalarF32(function, a.address, scalar, y.address, a.count)
        case .v3:
            unsafe KernelsV3.binaryScalarF32(function, a.address, scalar, y.address, a.count)
        }
    }

    /// y[i] = function(scalar, b[i]).
    @inline(never)
    public func binaryScalar(
        _ function: BinaryFunction, scalar: Float, b: Span<Float>, y: inout MutableSpan<Float>
    ) {
        precondition(b.count == y.count, "one result an element")
        switch level {
        case .portable:
            unsafe KernelsPortable.scalarBinaryF32(function, scalar, b.address, y.address, b.count)
        case .v3:
            unsafe KernelsV3.scalarBinaryF32(function, scalar, b.address, y.address, b.count)
        }
    }

    /// y[r, c] = function(matrix[r, c], row[c]): one row against every row of a matrix.
    ///
    /// With `rowFirst` the row is the left operand.
    @inline(never)
    public func binaryRows(
        _ function: BinaryFunction, matrix: Span<Float>, rows: Int, columns: Int, row: Span<Float>,
        rowFirst: Bool = false, y: inout MutableSpan<Float>
    ) {
        precondition(matrix.count == area(rows, columns), "the matrix holds rows × columns values")
        precondition(
            row.count == columns && y.count == matrix.count, "row and result fit the matrix")
        let (x, v, target) = unsafe (matrix.address, row.address, y.address)
        unsafe binaryRows(function, x, rows, columns, v, rowFirst, target)
    }

    /// matrix[r, c] = function(matrix[r, c], row[c]).
    @inline(never)
    public func binaryRows(
        _ function: BinaryFunction, inPlace matrix: inout MutableSpan<Float>, rows: Int,
        columns: Int, row: Span<Float>, rowFirst: Bool = false
    ) {
        precondition(matrix.count == area(rows, columns), "the matrix holds rows × columns values")
        precondition(row.count == columns, "the row fits the matrix")
        let target = unsafe matrix.address
        unsafe binaryRows(function, target, rows, columns, row.address, rowFirst, target)
    }

    private func binaryRows(
        _ function: BinaryFunction, _ x: UnsafePointer<Float>, _ rows: Int, _ columns: Int,
        _ row: UnsafePointer<Float>, _ rowFirst: Bool, _ y: UnsafeMutablePointer<Float>
    ) {
        for index in 0..<rows {
            let start = index * columns
            if rowFirst {
                unsafe binary(function, row, x + start, y + start, count: columns)
            } else {
                unsafe binary(function, x + start, row, y + start, count: columns)
            }
        }
    }

    /// y[i] = x[i] held between `low` and `high` (ONNX Clip: min(max(x, low), high)); NaN stays.
    @inline(never)
    public func clamp(_ x: Span<Float>, low: Float, high: Float, y: inout MutableSpan<Float>) {
        precondition(x.count == y.count, "one result an element")
        switch level {
        case .portable: unsafe KernelsPortable.clampF32(x.address, low, high, y.address, x.count)
        case .v3: unsafe KernelsV3.clampF32(x.address, low, high, y.address, x.count)
        }
    }
}
