import Primitives

/// Rows of named tensors: what a model's `predict` reads and what it writes.
///
/// A batch is a window on columns. Values of a column are contiguous, row after row: row `r` of a
/// column with `n` elements a row is at `r * n ..< (r + 1) * n`.
public struct TensorBatch: ~Copyable {
    public let columns: [TensorColumn]
    /// The first row of the window in its columns.
    public let rowStart: Int
    public let rowCount: Int

    public init(columns: [TensorColumn], rowStart: Int = 0, rowCount: Int) {
        precondition(rowStart >= 0 && rowCount >= 0, "a window is never negative")
        for column in columns {
            precondition(
                rowStart + rowCount <= column.rowCapacity, "a window is inside its columns")
        }
        self.columns = columns
        self.rowStart = rowStart
        self.rowCount = rowCount
    }

    /// Some of this batch's rows, sharing its memory. `rowStart` counts from this window's start.
    public func window(rowStart start: Int, rowCount count: Int) -> TensorBatch {
        precondition(start >= 0 && count >= 0 && start + count <= rowCount, "a window only shrinks")
        return TensorBatch(columns: columns, rowStart: rowStart + start, rowCount: count)
    }

    /// The index of the column with this name.
    public func index(named name: String) -> Int? {
        columns.firstIndex { $0.spec.name == name }
    }

    /// The values of a column, for reading. `T` must be the Swift type of the column's dtype.
    @_lifetime(borrow self)
    public func values<T: BitwiseCopyable>(_ index: Int, as type: T.Type) -> Span<T> {
        let column = columns[index]
        precondition(
            MemoryLayout<T>.stride == column.spec.dataType.byteCount,
            "the type is the column's dtype")
        return column.memory.span(
            as: type, byteOffset: rowStart * column.bytesPerRow,
            count: rowCount * column.elementsPerRow, owner: self)
    }

    /// The values of a column, for writing.
    @_lifetime(borrow self)
    public func mutableValues<T: BitwiseCopyable>(_ index: Int, as type: T.Type) -> MutableSpan<T> {
        let column = columns[index]
        precondition(
            MemoryLayout<T>.stride == column.spec.dataType.byteCount,
            "the type is the column's dtype")
        return column.memory.mutableSpan(
            as: type, byteOffset: rowStart * column.bytesPerRow,
            count: rowCount * column.elementsPerRow, owner: self)
    }

    /// The values of a float32 column.
    @_lifetime(borrow self)
    public func float32(_ index: Int) -> Span<Float> { values(index, as: Float.self) }

    /// The values of a float32 column, for writing.
    @_lifetime(borrow self)
    public func mutableFloat32(_ index: Int) -> MutableSpan<Float> {
        mutableValues(index, as: Float.self)
    }

    /// The values of a string column.
    public func strings(_ index: Int) -> ArraySlice<String> {
        let column = columns[index]
        let start = rowStart * column.elementsPerRow
        return column.strings[start..<start + rowCount * column.elementsPerRow]
    }

    /// Writes one value of a string column; `element` counts from the window's start.
    public func setString(_ value: String, column index: Int, element: Int) {
        let column = columns[index]
        column.strings[rowStart * column.elementsPerRow + element] = value
    }

    /// Settles the row shape of an output whose shape depends on the input. Only for a window that
    /// starts at row 0; values written before are lost.
    public func reshape(_ index: Int, rowShape: [Int]) {
        guard columns[index].rowShape != rowShape else { return }
        precondition(rowStart == 0, "only a whole batch changes its row shape")
        columns[index].reshape(rowShape: rowShape)
    }
}
