import Models
import Primitives

extension TensorColumn {
    /// Copies rows of a column that is shorter in one dimension, and fills what is behind them with
    /// `value`. `dimension` counts in the row shape. The dtype holds `value` exactly, and is no string.
    func copyPadded(
        from source: TensorColumn, count: Int, to row: Int, dimension: Int, value: Double
    ) {
        let outer = rowShape[..<dimension].reduce(1, *)
        let inner = rowShape[(dimension + 1)...].reduce(1, *)
        let length = source.rowShape[dimension]
        let padded = rowShape[dimension]
        precondition(
            length <= padded && spec.dataType != .string, "rows are padded to their bucket")
        let width = spec.dataType.byteCount
        for block in 0..<count * outer {
            let target = (row * outer + block) * padded * inner
            memory.copy(
                from: source.memory, sourceOffset: block * length * inner * width,
                to: target * width, byteCount: length * inner * width)
            fill(from: target + length * inner, count: (padded - length) * inner, with: value)
        }
    }

    /// Writes the mask of rows whose first `length` values are true.
    func fillMask(rows: Range<Int>, length: Int) {
        for row in rows {
            let start = row * elementsPerRow
            fill(from: start, count: length, with: 1)
            fill(from: start + length, count: elementsPerRow - length, with: 0)
        }
    }

    /// Copies rows of a column that is longer in one dimension, without what is behind this one's length.
    func copyCut(from source: TensorColumn, start: Int, count: Int, dimension: Int) {
        let outer = rowShape[..<dimension].reduce(1, *)
        let inner = rowShape[(dimension + 1)...].reduce(1, *)
        let length = rowShape[dimension]
        let padded = source.rowShape[dimension]
        let width = spec.dataType.byteCount
        for block in 0..<count * outer {
            let from = (start * outer + block) * padded * inner
            let target = block * length * inner
            if spec.dataType == .string {
                for offset in 0..<length * inner {
                    strings[target + offset] = source.strings[from + offset]
                }
            } else {
                memory.copy(
                    from: source.memory, sourceOffset: from * width, to: target * width,
                    byteCount: length * inner * width)
            }
        }
    }

    private func fill(from start: Int, count: Int, with value: Double) {
        switch spec.dataType {
        case .float32: fill(start, count, Float(value))
        case .float64: fill(start, count, value)
        case .float16: fill(start, count, Float16(value).bitPattern)
        case .bfloat16:
            fill(start, count, UInt16(truncatingIfNeeded: Float(value).bitPattern >> 16))
        case .int8: fill(start, count, Int8(value))
        case .int16: fill(start, count, Int16(value))
        case .int32: fill(start, count, Int32(value))
        case .int64: fill(start, count, Int64(value))
        case .uint8, .bool: fill(start, count, UInt8(value))
        case .uint16: fill(start, count, UInt16(value))
        case .uint32: fill(start, count, UInt32(value))
        case .uint64: fill(start, count, UInt64(value))
        case .string: preconditionFailure("strings are not padded")
        }
    }

    private func fill<T: BitwiseCopyable>(_ start: Int, _ count: Int, _ value: T) {
        guard count > 0 else { return }
        var values = mutableElements(from: start, count: count, as: T.self)
        for index in values.indices { values[index] = value }
    }
}
