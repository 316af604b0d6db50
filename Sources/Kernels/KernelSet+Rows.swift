import KernelsPortable
import KernelsV3
import Primitives

// A matrix of rows × columns, row-major; every row is computed for itself, and every sum over a row
// is taken in an order that depends on the number of columns only.
extension KernelSet {
    /// Each row of y = softmax of the row of x: exp(x - max) / Σ exp(x - max).
    @inline(never)
    public func softmax(_ x: Span<Float>, rows: Int, columns: Int, y: inout MutableSpan<Float>) {
        checkMatrix(x.count, y.count, rows, columns)
        unsafe softmax(x.address, rows, columns, y.address)
    }

    /// Softmax of every row, in place.
    @inline(never)
    public func softmax(inPlace y: inout MutableSpan<Float>, rows: Int, columns: Int) {
        checkMatrix(y.count, y.count, rows, columns)
        let address = unsafe y.address
        unsafe softmax(address, rows, columns, address)
    }

    private func softmax(
        _ x: UnsafePointer<Float>, _ rows: Int, _ columns: Int, _ y: UnsafeMutablePointer<Float>
    ) {
        switch level {
        case .portable: unsafe KernelsPortable.softmaxF32(x, rows: rows, columns: columns, y: y)
        case .v3: unsafe KernelsV3.softmaxF32(x, rows: rows, columns: columns, y: y)
        }
    }

    /// Each row of y = (x - max) - log Σ exp(x - max).
    @inline(never)
    public func logSoftmax(_ x: Span<Float>, rows: Int, columns: Int, y: inout MutableSpan<Float>) {
        checkMatrix(x.count, y.count, rows, columns)
        unsafe logSoftmax(x.address, rows, columns, y.address)
    }

    /// Log-softmax of every row, in place.
    @inline(never)
    public func logSoftmax(inPlace y: inout MutableSpan<Float>, rows: Int, columns: Int) {
        checkMatrix(y.count, y.count, rows, columns)
        let address = unsafe y.address
        unsafe logSoftmax(address, rows, columns, address)
    }

    private func logSoftmax(
        _ x: UnsafePointer<Float>, _ rows: Int, _ columns: Int, _ y: UnsafeMutablePointer<Float>
    ) {
        switch level {
        case .portable: unsafe KernelsPortable.logSoftmaxF32(x, rows: rows, columns: columns, y: y)
        case .v3: unsafe KernelsV3.logSoftmaxF32(x, rows: rows, columns: columns, y: y)
        }
    }

    /// y[r, c] = (x[r, c] - offset[c]) · scale[c] (ai.onnx.ml Scaler).
    ///
    /// `offset` and `scale` hold `columns` values each, or one value for all columns.
    @inline(never)
    public func scale(
        _ x: Span<Float>, rows: Int, columns: Int, offset: Span<Float>, scale: Span<Float>,
        y: inout MutableSpan<Float>
    ) {
        checkMatrix(x.count, y.count, rows, columns)
        precondition(
            (offset.count == columns || offset.count == 1)
                && (scale.count == columns || scale.count == 1),
            "an offset and a scale a column, or one for all")
        let offsetStep = offset.count == columns ? 1 : 0
        let scaleStep = scale.count == columns ? 1 : 0
        switch level {
        case .portable:
            unsafe KernelsPortable.scaleF32(
                x.address, rows: rows, columns: columns, offset: offset.address,
                offsetStep: offsetStep, scale: scale.address, scaleStep: scaleStep, y: y.address)
        case .v3:
            unsafe KernelsV3.scaleF32(
                x.address, rows: rows, columns: columns, offset: offset.address,
                offsetStep: offsetStep, scale: scale.address, scaleStep: scaleStep, y: y.address)
        }
    }

    /// Each row of y = the row of x divided by its norm; a row whose norm is 0 is copied.
    @inline(never)
    public func normalize(
        _ x: Span<Float>, rows: Int, columns: Int, norm: Norm, y: inout MutableSpan<Float>
    ) {
        checkMatrix(x.count, y.count, rows, columns)
        switch level {
        case .portable:
            unsafe KernelsPortable.normalizeF32(
                x.address, rows: rows, columns: columns, norm: norm, y: y.address)
        case .v3:
            unsafe KernelsV3.normalizeF32(
                x.address, rows: rows, columns: columns, norm: norm, y: y.address)
        }
    }

    /// y[r] = the first column that holds the greatest value of row r.
    ///
    /// NaN never wins; a row without a number above -∞ gives 0.
    @inline(never)
    public func argmax(_ x: Span<Float>, rows: Int, columns: Int, y: inout MutableSpan<Int64>) {
        precondition(x.count == area(rows, columns), "the matrix holds rows × columns values")
        precondition(
            y.count == rows && (columns > 0 || rows == 0), "one answer a row that has columns")
        switch level {
        case .portable:
            unsafe KernelsPortable.argmaxF32(x.address, rows: rows, columns: columns, y: y.address)
        case .v3:
            unsafe KernelsV3.argmaxF32(x.address, rows: rows, columns: columns, y: y.address)
        }
    }

    /// y[r] = Σ over the columns of row r.
    @inline(never)
    public func rowSums(_ x: Span<Float>, rows: Int, columns: Int, y: inout MutableSpan<Float>) {
        precondition(x.count == area(rows, columns), "the matrix holds rows × columns values")
        precondition(y.count == rows, "one sum a row")
        switch level {
        case .portable:
            unsafe KernelsPortable.rowSumsF32(x.address, rows: rows, columns: columns, y: y.address)
        case .v3:
            unsafe KernelsV3.rowSumsF32(x.address, rows: rows, columns: columns, y: y.address)
        }
    }
}

@inline(__always)
private func checkMatrix(_ x: Int, _ y: Int, _ rows: Int, _ columns: Int) {
    precondition(x == area(rows, columns) && y == x, "input and output hold rows × columns values")
}
