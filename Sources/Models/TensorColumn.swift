import Primitives

/// One named tensor of a batch: rows of equal shape, one after another in memory.
///
/// A column belongs to one batch and is touched by one thread at a time: the loop that fills it,
/// then the thread that computes, then the loop that writes the answer.
public final class TensorColumn {
    public let spec: TensorSpec
    public private(set) var rowShape: [Int]
    public private(set) var elementsPerRow: Int
    public private(set) var rowCapacity: Int
    public private(set) var memory: AlignedMemory
    /// Values of a string column, row after row; empty otherwise.
    public var strings: [String]

    public init(spec: TensorSpec, rowShape: [Int], rowCapacity: Int) {
        precondition(rowShape.allSatisfy { $0 >= 0 }, "a row in memory has a known shape")
        self.spec = spec
        self.rowShape = rowShape
        self.rowCapacity = rowCapacity
        elementsPerRow = rowShape.reduce(1, *)
        memory = AlignedMemory(byteCount: rowCapacity * elementsPerRow * spec.dataType.byteCount)
        strings = []
        if spec.dataType == .string {
            strings = Array(repeating: "", count: rowCapacity * elementsPerRow)
        }
    }

    public var bytesPerRow: Int { elementsPerRow * spec.dataType.byteCount }

    /// Makes room for `rows` rows, keeping what is there. Grows by doubling.
    public func reserve(rows: Int) {
        guard rows > rowCapacity else { return }
        let capacity = max(rows, rowCapacity * 2)
        let grown = AlignedMemory(byteCount: capacity * bytesPerRow)
        grown.copy(from: memory, sourceOffset: 0, to: 0, byteCount: rowCapacity * bytesPerRow)
        memory = grown
        if spec.dataType == .string {
            let missing = capacity * elementsPerRow - strings.count
            strings.append(contentsOf: repeatElement("", count: missing))
        }
        rowCapacity = capacity
    }

    /// Sets every value to a small number (strings to its text).
    public func fill(with value: UInt8) {
        switch spec.dataType {
        case .float32: fill(Float(value))
        case .float64: fill(Double(value))
        case .float16: fill(value == 0 ? UInt16(0) : Float16(value).bitPattern)
        case .bfloat16: fill(UInt16(truncatingIfNeeded: Float(value).bitPattern >> 16))
        case .int8, .uint8, .bool: fill(value)
        case .int16, .uint16: fill(UInt16(value))
        case .int32, .uint32: fill(UInt32(value))
        case .int64, .uint64: fill(UInt64(value))
        case .string: for index in strings.indices { strings[index] = String(value) }
        }
    }

    private func fill<T: BitwiseCopyable>(_ value: T) {
        let memory = memory
        var values = memory.mutableSpan(as: T.self)
        for index in values.indices { values[index] = value }
    }

    /// Copies rows of a column of the same dtype and row shape.
    public func copyRows(from source: TensorColumn, start: Int, count: Int, to row: Int) {
        precondition(
            source.spec.dataType == spec.dataType && source.elementsPerRow == elementsPerRow,
            "rows are copied between columns of one kind")
        memory.copy(
            from: source.memory, sourceOffset: start * bytesPerRow, to: row * bytesPerRow,
            byteCount: count * bytesPerRow)
        guard spec.dataType == .string else { return }
        for index in 0..<count * elementsPerRow {
            strings[row * elementsPerRow + index] = source.strings[start * elementsPerRow + index]
        }
    }

    /// `count` values from an element on, for writing. `T` must be the Swift type of the dtype.
    @_lifetime(borrow self)
    public func mutableElements<T: BitwiseCopyable>(
        from start: Int, count: Int, as type: T.Type
    ) -> MutableSpan<T> {
        let stride = MemoryLayout<T>.stride
        precondition(stride == spec.dataType.byteCount, "the type is the column's dtype")
        return memory.mutableSpan(
            as: type, byteOffset: start * stride, count: count, owner: self)
    }

    /// `count` values from an element on. `T` must be the Swift type of the dtype.
    @_lifetime(borrow self)
    public func elements<T: BitwiseCopyable>(
        from start: Int, count: Int, as type: T.Type
    ) -> Span<T> {
        let stride = MemoryLayout<T>.stride
        precondition(stride == spec.dataType.byteCount, "the type is the column's dtype")
        return memory.span(as: type, byteOffset: start * stride, count: count, owner: self)
    }

    /// Gives the column another row shape with room for as many rows as before; its values are then
    /// undefined. For outputs whose shape is known only at run time.
    public func reshape(rowShape: [Int]) {
        self.rowShape = rowShape
        elementsPerRow = rowShape.reduce(1, *)
        let bytes = rowCapacity * bytesPerRow
        if bytes > memory.byteCount { memory = AlignedMemory(byteCount: bytes) }
        if spec.dataType == .string {
            strings = Array(repeating: "", count: rowCapacity * elementsPerRow)
        }
    }
}
