import KernelsPortable
import KernelsV3
import KernelsVNNI
import Primitives

extension KernelSet {
    /// The left operand of a product of bytes: windows of padded images, or rows of a matrix.
    public struct ByteRows {
        let shape: ConvolutionShape
        let base: Int
        let scale: ByteScale
        let factor: Float

        /// - Parameters:
        ///   - shape: where windows lie; `run` bytes at each tap.
        ///   - base: where the first image starts.
        ///   - scale: the zero point and sign of its bytes.
        ///   - factor: multiplies all scales of the ending.
        public init(
            _ shape: ConvolutionShape, base: Int = 0, scale: ByteScale, factor: Float = 1
        ) {
            self.shape = shape
            self.base = base
            self.scale = scale
            self.factor = factor
        }

        /// The rows of an m × k matrix.
        public init(matrix m: Int, _ k: Int, scale: ByteScale, factor: Float = 1) {
            let shape = ConvolutionShape(
                outputs: (1, 1, max(m, 1)), imageStride: 0, steps: (0, 0, k), run: k)
            self.init(shape, scale: scale, factor: factor)
        }
    }

    /// Which rows and columns of a product a call computes, and where row 0, column 0 of it goes.
    public struct BytePart {
        let rows: Range<Int>
        let columns: Range<Int>
        let stride: Int
        let column: Int

        /// - Parameters:
        ///   - columns: from a multiple of 16 on.
        ///   - stride: values from one row of the result to the next.
        ///   - column: where in a row of the result the product's column 0 is.
        public init(rows: Range<Int>, columns: Range<Int>, stride: Int, column: Int = 0) {
            self.rows = rows
            self.columns = columns
            self.stride = stride
            self.column = column
        }
    }

    /// Exact sums of products of bytes less their zero points, quantized again:
    /// y = saturate(round((Σ (a − zero) · (b − zero) + bias) · scale + addend) + zero).
    ///
    /// Sums are int32 and wrap; they are scaled in float32, and halves go to even (ONNX `QLinearConv`,
    /// `QLinearMatMul`). All levels give the same bits.
    /// - Cost: 2 · rows · k · columns operations, without a copy of the windows.
    @inline(never)
    public func multiply(
        _ x: Span<UInt8>, _ a: ByteRows, tapOffsets: Span<Int>, _ b: PackedBytes,
        _ ending: ByteEnding, _ part: BytePart, y: inout MutableSpan<UInt8>
    ) {
        checkBytes(x.count, a, tapOffsets, b, part, y.count)
        unsafe multiply(x, a, tapOffsets, b, ending, part, .bytes(y.address))
    }

    /// The same sums as they are (ONNX `ConvInteger`, `MatMulInteger`).
    @inline(never)
    public func multiply(
        _ x: Span<UInt8>, _ a: ByteRows, tapOffsets: Span<Int>, _ b: PackedBytes,
        _ ending: ByteEnding, _ part: BytePart, y: inout MutableSpan<Int32>
    ) {
        checkBytes(x.count, a, tapOffsets, b, part, y.count)
        unsafe multiply(x, a, tapOffsets, b, ending, part, .sums(y.address))
    }

    /// The same sums scaled, in float32.
    @inline(never)
    public func multiply(
        _ x: Span<UInt8>, _ a: ByteRows, tapOffsets: Span<Int>, _ b: PackedBytes,
        _ ending: ByteEnding, _ part: BytePart, y: inout MutableSpan<Float>
    ) {
        checkBytes(x.count, a, tapOffsets, b, part, y.count)
        unsafe multiply(x, a, tapOffsets, b, ending, part, .reals(y.address))
    }

    private func multiply(
        _ x: Span<UInt8>, _ a: ByteRows, _ tapOffsets: Span<Int>, _ b: PackedBytes,
        _ ending: ByteEnding, _ part: BytePart, _ target: ByteProductTarget
    ) {
        if part.rows.isEmpty || part.columns.isEmpty { return }
        let first = part.columns.lowerBound
        let ending = ending.kernelEnding(
            from: first, zero: a.scale.zero, factor: a.factor, filters: b)
        let words = b.taps * ((b.run + 3) / 4)
        let source = unsafe x.address + a.base
        let weights = b.memory.span(as: Int8.self)
        let panels = unsafe weights.address + first * words * 4
        let target = target.advanced(by: part.column + first)
        switch byteLevel {
        case .portable:
            unsafe KernelsPortable.byteProduct(
                source, isSigned: a.scale.isSigned, a.shape, tapOffsets: tapOffsets.address,
                taps: tapOffsets.count, rows: part.rows, b: panels, columns: part.columns.count,
                ending: ending, target: target, stride: part.stride)
        case .v3:
            unsafe KernelsV3.byteProduct(
                source, isSigned: a.scale.isSigned, a.shape, tapOffsets: tapOffsets.address,
                taps: tapOffsets.count, rows: part.rows, b: panels, columns: part.columns.count,
                ending: ending, target: target, stride: part.stride)
        case .vnni:
            unsafe KernelsVNNI.byteProduct(
                source, isSigned: a.scale.isSigned, a.shape, tapOffsets: tapOffsets.address,
                taps: tapOffsets.count, rows: part.rows, b: panels, columns: part.columns.count,
                ending: ending, target: target, stride: part.stride)
        }
    }

    private func checkBytes(
        _ x: Int, _ a: ByteRows, _ tapOffsets: Span<Int>, _ b: PackedBytes, _ part: BytePart,
        _ y: Int
    ) {
        let (rows, columns, shape) = (part.rows, part.columns, a.shape)
        precondition(
            columns.lowerBound >= 0 && columns.upperBound <= b.n
                && columns.lowerBound % PackedBytes.panelColumns == 0, "a part starts at a panel")
        precondition(
            tapOffsets.count == b.taps && shape.run == b.run, "a filter has a byte a tap")
        let (outputs, steps) = (shape.outputs, shape.steps)
        precondition(
            min(outputs.0, outputs.1, outputs.2) > 0 && min(steps.0, steps.1, steps.2) >= 0
                && shape.imageStride >= 0 && rows.lowerBound >= 0 && shape.run >= 0,
            "windows move forwards over pixels that are there")
        if rows.isEmpty || columns.isEmpty { return }
        var reach = 0
        for index in tapOffsets.indices {
            precondition(tapOffsets[index] >= 0, "a tap lies behind its window's start")
            reach = max(reach, tapOffsets[index])
        }
        let images = (rows.upperBound - 1) / shape.pixelCount
        let pixels =
            area(outputs.0 - 1, steps.0) + area(outputs.1 - 1, steps.1)
            + area(images > 0 ? outputs.2 - 1 : min(outputs.2, rows.upperBound) - 1, steps.2)
        precondition(
            a.base >= 0
                && area(images, shape.imageStride) + pixels + reach + shape.run
                    <= x - a.base,
            "windows lie inside of x")
        precondition(
            part.column >= 0 && part.stride >= part.column + b.n
                && area(rows.upperBound, part.stride) <= y, "there is room for each row")
    }
}
