import Primitives

/// What becomes of the sums of a product of bytes, column by column: made once, read by every call.
public struct ByteEnding: Sendable {
    // Lists filled up to whole panels; written in the initialiser only.
    private let bias: AlignedMemory?
    private let scales: AlignedMemory?
    private let addends: AlignedMemory?
    private let columns: Int
    private let low: Float
    private let high: Float
    private let resultZero: Int32
    private let hasZeroInBias: Bool

    /// - Parameters:
    ///   - columns: how many there are; lists hold a value for each.
    ///   - bias: added to the sums.
    ///   - scales: what sums are multiplied by; nil when they stay int32.
    ///   - addends: added to the scaled sums.
    ///   - result: how quantized results stand for numbers; its scale is not looked at.
    ///   - range: what results are held inside of, as bytes of `result` from the least on (0...255).
    ///   - folding: the right operand and the zero point of the left one, where that is known: the bias
    ///     then makes up for it, which saves work at every result.
    public init(
        columns: Int, bias: [Int32]? = nil, scales: [Float]? = nil, addends: [Float]? = nil,
        result: ByteScale = ByteScale(scale: 1, zeroPoint: 0, isSigned: false),
        range: ClosedRange<Int> = 0...255, folding: (filters: PackedBytes, left: ByteScale)? = nil
    ) {
        precondition(
            (bias?.count ?? columns) == columns && (scales?.count ?? columns) == columns
                && (addends?.count ?? columns) == columns, "a value for each column")
        precondition(range.lowerBound >= 0 && range.upperBound <= 255, "results are bytes")
        self.columns = columns
        if let folding, folding.filters.offsets == nil, folding.left.zero != 0 {
            precondition(folding.filters.n == columns, "an ending belongs to as many columns")
            let sums = folding.filters.columnSums.span(as: Int32.self)
            let whole = (0..<columns).map {
                (bias?[$0] ?? 0) &- sums[$0] &* folding.left.zero
            }
            self.bias = Self.padded(whole.span)
            hasZeroInBias = true
        } else {
            self.bias = bias.map { Self.padded($0.span) }
            hasZeroInBias = false
        }
        self.scales = scales.map { Self.padded($0.span) }
        self.addends = addends.map { Self.padded($0.span) }
        low = Float(Int32(range.lowerBound) - result.zero)
        high = Float(Int32(range.upperBound) - result.zero)
        resultZero = Int32(result.zeroPoint)
    }

    private static func padded<T: BitwiseCopyable>(_ values: Span<T>) -> AlignedMemory {
        let memory = AlignedMemory(byteCount: area((values.count + 15) / 16, 64))
        var target = memory.mutableSpan(as: T.self)
        for index in values.indices { target[index] = values[index] }
        return memory
    }

    /// The kernels' view, from a column on. Good while this and `sums` are.
    func kernelEnding(
        from column: Int, zero: Int32, factor: Float, filters: PackedBytes
    ) -> ByteProductEnding {
        precondition(filters.n == columns, "an ending belongs to as many columns")
        let sums = filters.columnSums.span(as: Int32.self)
        var ending = unsafe ByteProductEnding(columnSums: sums.address + column)
        set(&ending, from: column)
        ending.zero = hasZeroInBias ? 0 : zero
        ending.factor = factor
        if let offsets = filters.offsets {
            unsafe ending.offsets = offsets.span(as: Int32.self).address + column
            ending.rowTerm = Int32(truncatingIfNeeded: filters.k) &* zero
        }
        return ending
    }

    /// The view of kernels that have no packed filters: their sums are right as they are.
    func kernelEnding(columns: Int) -> ByteProductEnding {
        precondition(self.columns == columns, "an ending belongs to as many columns")
        var ending = unsafe ByteProductEnding(
            columnSums: UnsafePointer(bitPattern: MemoryLayout<Int32>.alignment)!)
        set(&ending, from: 0)
        return ending
    }

    private func set(_ ending: inout ByteProductEnding, from column: Int) {
        if let bias { unsafe ending.bias = bias.span(as: Int32.self).address + column }
        if let scales { unsafe ending.scales = scales.span(as: Float.self).address + column }
        if let addends { unsafe ending.addends = addends.span(as: Float.self).address + column }
        ending.low = low
        ending.high = high
        ending.resultZero = resultZero
    }
}
