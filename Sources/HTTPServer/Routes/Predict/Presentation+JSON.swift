import Models
import Primitives

extension Presentation {
    /// Allocates nothing for numbers, booleans and labels once the buffer is large enough.
    func encodeJSON(
        _ results: borrowing TensorBatch, _ form: Form, into buffer: inout ByteBuffer
    ) {
        buffer.append(jsonPrefix)
        for row in 0..<results.rowCount {
            if row > 0 { buffer.append(UInt8(ascii: ",")) }
            switch form {
            case .output(let index): results.appendJSON(index, row: row, to: &buffer)
            case .classes(let label, let scores):
                buffer.append("{\"label\":")
                appendLabel(results, label, scores, row: row, to: &buffer)
                buffer.append(",\"probabilities\":")
                results.appendJSON(scores, row: row, to: &buffer)
                buffer.append(UInt8(ascii: "}"))
            case .members:
                buffer.append(UInt8(ascii: "{"))
                for (place, index) in answered.enumerated() {
                    if place > 0 { buffer.append(UInt8(ascii: ",")) }
                    buffer.append(memberBytes[index])
                    results.appendJSON(index, row: row, to: &buffer)
                }
                buffer.append(UInt8(ascii: "}"))
            }
        }
        buffer.append("]}")
    }

    private func appendLabel(
        _ results: borrowing TensorBatch, _ label: Int?, _ scores: Int, row: Int,
        to buffer: inout ByteBuffer
    ) {
        guard let label else {
            let best = results.highest(scores, row: row)
            // The model decides at run time how many scores there are.
            if best < labelBytes.count {
                buffer.append(labelBytes[best])
            } else {
                buffer.append(decimal: best)
            }
            return
        }
        if results.columns[label].spec.dataType == .int64,
            let index = labelIndex(of: results.rowElements(label, row: row, as: Int64.self)[0])
        {
            buffer.append(labelBytes[index])
            return
        }
        results.appendJSONElement(label, row: row, to: &buffer)
    }
}

extension TensorBatch {
    /// Appends one row of a column: a plain value, or arrays nested as deep as its shape.
    func appendJSON(_ index: Int, row: Int, to buffer: inout ByteBuffer) {
        let column = columns[index]
        switch column.spec.dataType {
        case .float32: appendJSON(index, row, of: Float.self, to: &buffer)
        case .float64: appendJSON(index, row, of: Double.self, to: &buffer)
        case .float16: appendJSON(index, row, of: Float16.self, to: &buffer)
        case .bfloat16: appendJSON(index, row, of: BrainFloat.self, to: &buffer)
        case .int8: appendJSON(index, row, of: Int8.self, to: &buffer)
        case .int16: appendJSON(index, row, of: Int16.self, to: &buffer)
        case .int32: appendJSON(index, row, of: Int32.self, to: &buffer)
        case .int64: appendJSON(index, row, of: Int64.self, to: &buffer)
        case .uint8: appendJSON(index, row, of: UInt8.self, to: &buffer)
        case .uint16: appendJSON(index, row, of: UInt16.self, to: &buffer)
        case .uint32: appendJSON(index, row, of: UInt32.self, to: &buffer)
        case .uint64: appendJSON(index, row, of: UInt64.self, to: &buffer)
        case .bool: appendJSON(index, row, of: BooleanByte.self, to: &buffer)
        case .string:
            var next = (rowStart + row) * column.elementsPerRow
            Self.appendNested(column.rowShape, 0, &buffer, &next) { count, next, buffer in
                for offset in 0..<count {
                    if offset > 0 { buffer.append(UInt8(ascii: ",")) }
                    buffer.appendJSON(string: column.strings[next + offset])
                }
            }
        }
    }

    /// Appends the first value of a row without brackets, whatever its shape.
    func appendJSONElement(_ index: Int, row: Int, to buffer: inout ByteBuffer) {
        let column = columns[index]
        if column.spec.dataType == .string {
            buffer.appendJSON(string: column.strings[(rowStart + row) * column.elementsPerRow])
        } else {
            rowElements(index, row: row, as: Int64.self)[0].append(to: &buffer)
        }
    }

    private func appendJSON<T: ColumnElement>(
        _ index: Int, _ row: Int, of type: T.Type, to buffer: inout ByteBuffer
    ) {
        let column = columns[index]
        if column.rowShape.count < 2 {
            let values = rowElements(index, row: row, as: type)
            if column.rowShape.isEmpty { return values[0].append(to: &buffer) }
            buffer.append(UInt8(ascii: "["))
            for offset in 0..<values.count {
                if offset > 0 { buffer.append(UInt8(ascii: ",")) }
                values[offset].append(to: &buffer)
            }
            buffer.append(UInt8(ascii: "]"))
            return
        }
        var next = 0
        Self.appendNested(column.rowShape, 0, &buffer, &next) { count, next, buffer in
            let values = rowElements(index, row: row, as: type)
            for offset in 0..<count {
                if offset > 0 { buffer.append(UInt8(ascii: ",")) }
                values[next + offset].append(to: &buffer)
            }
        }
    }

    /// Writes the brackets of a shape and lets `leaf` write each innermost run of values.
    private static func appendNested(
        _ shape: [Int], _ dimension: Int, _ buffer: inout ByteBuffer, _ next: inout Int,
        _ leaf: (_ count: Int, _ next: Int, _ buffer: inout ByteBuffer) -> Void
    ) {
        guard dimension < shape.count else { return leaf(1, next, &buffer) }
        buffer.append(UInt8(ascii: "["))
        if dimension == shape.count - 1 {
            leaf(shape[dimension], next, &buffer)
            next += shape[dimension]
        } else {
            for index in 0..<shape[dimension] {
                if index > 0 { buffer.append(UInt8(ascii: ",")) }
                appendNested(shape, dimension + 1, &buffer, &next, leaf)
            }
        }
        buffer.append(UInt8(ascii: "]"))
    }
}
