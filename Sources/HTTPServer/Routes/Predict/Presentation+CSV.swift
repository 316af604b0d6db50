import Models
import Primitives

extension Presentation {
    /// A header and one line a row, ended by CRLF (RFC 4180). A classifier's columns are `label` and
    /// its classes; any other output is its name, or `name_0`, `name_1`, … where a row has several
    /// values (row-major).
    func encodeCSV(
        _ results: borrowing TensorBatch, _ form: Form, into buffer: inout ByteBuffer
    ) {
        appendHeader(results, form, to: &buffer)
        for row in 0..<results.rowCount {
            switch form {
            case .output(let index): results.appendCSV(index, row: row, to: &buffer)
            case .classes(let label, let scores):
                appendLabel(results, label, scores, row: row, to: &buffer)
                if results.columns[scores].elementsPerRow > 0 { buffer.append(UInt8(ascii: ",")) }
                results.appendCSV(scores, row: row, to: &buffer)
            case .members:
                for (place, index) in answered.enumerated() {
                    if place > 0 { buffer.append(UInt8(ascii: ",")) }
                    results.appendCSV(index, row: row, to: &buffer)
                }
            }
            buffer.append("\r\n")
        }
    }

    private func appendHeader(
        _ results: borrowing TensorBatch, _ form: Form, to buffer: inout ByteBuffer
    ) {
        switch form {
        case .output(let index):
            appendNames(signature.outputs[index].name, results.columns[index], to: &buffer)
        case .classes(_, let scores):
            buffer.append("label")
            let column = results.columns[scores]
            if column.elementsPerRow > 0 { buffer.append(UInt8(ascii: ",")) }
            if column.elementsPerRow == labels.count {
                for (index, label) in labels.enumerated() {
                    if index > 0 { buffer.append(UInt8(ascii: ",")) }
                    buffer.appendCSV(label)
                }
            } else {
                appendNames(signature.outputs[scores].name, column, to: &buffer)
            }
        case .members:
            for (place, index) in answered.enumerated() {
                if place > 0 { buffer.append(UInt8(ascii: ",")) }
                appendNames(signature.outputs[index].name, results.columns[index], to: &buffer)
            }
        }
        buffer.append("\r\n")
    }

    private func appendNames(_ name: String, _ column: TensorColumn, to buffer: inout ByteBuffer) {
        guard !column.rowShape.isEmpty, column.elementsPerRow != 1 else {
            return buffer.appendCSV(name)
        }
        for element in 0..<column.elementsPerRow {
            if element > 0 { buffer.append(UInt8(ascii: ",")) }
            buffer.appendCSV("\(name)_\(element)")
        }
    }

    private func appendLabel(
        _ results: borrowing TensorBatch, _ label: Int?, _ scores: Int, row: Int,
        to buffer: inout ByteBuffer
    ) {
        guard let label else {
            let best = results.highest(scores, row: row)
            return buffer.appendCSV(best < labels.count ? labels[best] : String(best))
        }
        if results.columns[label].spec.dataType == .int64,
            let index = labelIndex(of: results.rowElements(label, row: row, as: Int64.self)[0])
        {
            return buffer.appendCSV(labels[index])
        }
        results.appendCSV(label, row: row, to: &buffer)
    }
}

extension TensorBatch {
    /// Appends the values of one row of a column, separated by commas.
    func appendCSV(_ index: Int, row: Int, to buffer: inout ByteBuffer) {
        let column = columns[index]
        switch column.spec.dataType {
        case .float32: appendCSV(index, row, of: Float.self, to: &buffer)
        case .float64: appendCSV(index, row, of: Double.self, to: &buffer)
        case .float16: appendCSV(index, row, of: Float16.self, to: &buffer)
        case .bfloat16: appendCSV(index, row, of: BrainFloat.self, to: &buffer)
        case .int8: appendCSV(index, row, of: Int8.self, to: &buffer)
        case .int16: appendCSV(index, row, of: Int16.self, to: &buffer)
        case .int32: appendCSV(index, row, of: Int32.self, to: &buffer)
        case .int64: appendCSV(index, row, of: Int64.self, to: &buffer)
        case .uint8: appendCSV(index, row, of: UInt8.self, to: &buffer)
        case .uint16: appendCSV(index, row, of: UInt16.self, to: &buffer)
        case .uint32: appendCSV(index, row, of: UInt32.self, to: &buffer)
        case .uint64: appendCSV(index, row, of: UInt64.self, to: &buffer)
        case .bool: appendCSV(index, row, of: BooleanByte.self, to: &buffer)
        case .string:
            let start = (rowStart + row) * column.elementsPerRow
            for element in 0..<column.elementsPerRow {
                if element > 0 { buffer.append(UInt8(ascii: ",")) }
                buffer.appendCSV(column.strings[start + element])
            }
        }
    }

    private func appendCSV<T: ColumnElement>(
        _ index: Int, _ row: Int, of type: T.Type, to buffer: inout ByteBuffer
    ) {
        let values = rowElements(index, row: row, as: type)
        for offset in 0..<values.count {
            if offset > 0 { buffer.append(UInt8(ascii: ",")) }
            if let value = values[offset].nonFinite {
                buffer.append(value.isNaN ? "nan" : value < 0 ? "-inf" : "inf")
            } else {
                values[offset].append(to: &buffer)
            }
        }
    }
}

extension ByteBuffer {
    /// Appends text as a CSV field: in quotes where it must be.
    mutating func appendCSV(_ text: String) {
        let isPlain = text.utf8.allSatisfy {
            $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "\"") && $0 != 0x0A && $0 != 0x0D
        }
        guard !isPlain || text.isEmpty else { return append(text) }
        append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            if byte == UInt8(ascii: "\"") { append(byte) }
            append(byte)
        }
        append(UInt8(ascii: "\""))
    }
}
