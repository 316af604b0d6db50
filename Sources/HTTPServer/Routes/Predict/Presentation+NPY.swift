import Models
import Primitives

extension Presentation {
    /// A NumPy file of one output's whole batch. Strings become `<U…`, bfloat16 becomes float32.
    func encodeNPY(
        _ results: borrowing TensorBatch, output: Int, into buffer: inout ByteBuffer
    ) {
        let column = results.columns[output]
        let shape =
            switch signature.batchDimension {
            case .none: column.rowShape
            case .dynamic, .fixed: [results.rowCount] + column.rowShape
            }
        switch column.spec.dataType {
        case .string:
            let strings = results.strings(output)
            let characters = strings.map(\.unicodeScalars.count).max() ?? 1
            let element = NPYElement(characters: characters)
            NPYHeader(element: element, shape: shape).append(to: &buffer)
            for text in strings {
                for scalar in text.unicodeScalars { buffer.append(utf32: scalar.value) }
                for _ in text.unicodeScalars.count..<element.characterCount {
                    buffer.append(utf32: 0)
                }
            }
        case .bfloat16:
            NPYHeader(element: NPYElement(.float32), shape: shape).append(to: &buffer)
            let values = results.values(output, as: UInt16.self)
            for index in values.indices { buffer.append(utf32: UInt32(values[index]) << 16) }
        case .float32, .float64, .float16, .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32,
            .uint64, .bool:
            let element = NPYElement(column.spec.dataType)
            NPYHeader(element: element, shape: shape).append(to: &buffer)
            buffer.append(
                column.memory.span(
                    as: UInt8.self, byteOffset: results.rowStart * column.bytesPerRow,
                    count: results.rowCount * column.bytesPerRow, owner: column))
        }
    }
}

extension ByteBuffer {
    /// Appends four bytes, little-endian.
    fileprivate mutating func append(utf32 word: UInt32) {
        append(UInt8(truncatingIfNeeded: word))
        append(UInt8(truncatingIfNeeded: word >> 8))
        append(UInt8(truncatingIfNeeded: word >> 16))
        append(UInt8(truncatingIfNeeded: word >> 24))
    }
}
