import KernelsPortable
import KernelsV3
import Primitives

extension KernelSet {
    /// c = activation(a · b + bias): m × k by packed k × n gives m × n, row-major.
    ///
    /// `bias` holds n values. Row i of `a` starts at i · `aStride`, of `c` at i · `cStride`
    /// (both default to the dense k and n). An element is summed over k from zero upwards, then the
    /// bias is added, then the activation applied.
    /// `residual`, laid out as `c`, is added behind the bias. Of a product that several threads share,
    /// `rows` and `columns` are the caller's part (columns from a multiple of 16 on); the spans are
    /// those of the whole.
    /// - Cost: 2·m·k·n operations; for m = 1 bound by reading the weights.
    @inline(never)
    public func gemm(
        a: Span<Float>, m: Int, aStride: Int? = nil, b: PackedMatrix, bias: Span<Float>? = nil,
        residual: Span<Float>? = nil, activation: Activation = .none,
        c: inout MutableSpan<Float>, cStride: Int? = nil, rows: Range<Int>? = nil,
        columns: Range<Int>? = nil
    ) {
        let lda = aStride ?? b.k
        let ldc = cStride ?? b.n
        precondition(lda >= b.k && ldc >= b.n, "a row stride covers the row")
        checkRows(a.count, rows: m, columns: b.k, stride: lda)
        checkRows(c.count, rows: m, columns: b.n, stride: ldc)
        var biasAddress: UnsafePointer<Float>?
        if let bias {
            precondition(bias.count == b.n, "a bias holds one value a column")
            biasAddress = unsafe bias.address
        }
        let (rows, columns) = (rows ?? 0..<m, columns ?? 0..<b.n)
        precondition(
            rows.lowerBound >= 0 && rows.upperBound <= m && columns.lowerBound >= 0
                && columns.upperBound <= b.n
                && columns.lowerBound % PackedMatrix.panelColumns == 0,
            "a part lies inside of the product, at whole panels")
        var residualAddress: UnsafePointer<Float>?
        let start = rows.lowerBound * ldc + columns.lowerBound
        if let residual {
            precondition(residual.count == c.count, "a residual is laid out as the result")
            residualAddress = unsafe residual.address + start
        }
        if rows.isEmpty || columns.isEmpty { return }
        unsafe biasAddress = biasAddress.map { $0 + columns.lowerBound }
        let first = rows.lowerBound * lda
        let weights = b.memory.span(as: Float.self)
        let panels = columns.lowerBound * b.k
        switch level {
        case .portable:
            unsafe KernelsPortable.gemmF32(
                a: a.address + first, lda: lda, m: rows.count, k: b.k, b: weights.address + panels,
                n: columns.count, bias: biasAddress, residual: residualAddress,
                activation: activation, c: c.address + start, ldc: ldc)
        case .v3:
            unsafe KernelsV3.gemmF32(
                a: a.address + first, lda: lda, m: rows.count, k: b.k, b: weights.address + panels,
                n: columns.count, bias: biasAddress, residual: residualAddress,
                activation: activation, c: c.address + start, ldc: ldc)
        }
    }

    /// c = a · b, both known at run time only: m × k by k × n gives m × n, all row-major.
    ///
    /// Reads `b` where it lies. An element is summed over k from zero upwards, as in `gemm`: the
    /// same values give the same bits.
    /// - Cost: 2·m·k·n operations; slower than `gemm` when m and n are large.
    @inline(never)
    public func matmul(
        a: Span<Float>, m: Int, k: Int, b: Span<Float>, n: Int, c: inout MutableSpan<Float>
    ) {
        precondition(a.count == area(m, k), "the left operand holds m × k values")
        precondition(b.count == area(k, n), "the right operand holds k × n values")
        precondition(c.count == area(m, n), "the product holds m × n values")
        if m == 0 || n == 0 { return }
        switch level {
        case .portable:
            unsafe KernelsPortable.matmulF32(
                a: a.address, m: m, k: k, b: b.address, n: n, c: c.address)
        case .v3:
            unsafe KernelsV3.matmulF32(
                a: a.address, m: m, k: k, b: b.address, n: n, c: c.address)
        }
    }

    /// y = transpose of x (rows × columns gives columns × rows).
    @inline(never)
    public func transpose(
        _ x: Span<Float>, rows: Int, columns: Int, y: inout MutableSpan<Float>
    ) {
        precondition(x.count == area(rows, columns) && y.count == x.count, "both hold the matrix")
        switch level {
        case .portable:
            unsafe KernelsPortable.transposeF32(
                x.address, rows: rows, columns: columns, y: y.address)
        case .v3:
            unsafe KernelsV3.transposeF32(x.address, rows: rows, columns: columns, y: y.address)
        }
    }
}

/// Checks that `rows` rows of `columns` values, `stride` apart, lie within `count` values.
@inline(__always)
func checkRows(_ count: Int, rows: Int, columns: Int, stride: Int) {
    precondition(rows >= 0, "a size is never negative")
    if rows == 0 { return }
    let last = area(rows - 1, stride)
    precondition(last <= count && columns <= count - last, "every row lies inside its span")
}
