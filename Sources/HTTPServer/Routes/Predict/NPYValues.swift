import Models
import Primitives

/// Copies the values of a NumPy file into a column, converting them.
struct NPYValues {
    let header: NPYHeader
    let column: TensorColumn
    /// The column's element that takes the first value.
    let start: Int

    /// Returns the index (row-major) of the first value that is out of range, or nil.
    func copy(from file: Span<UInt8>) throws(DecodeRefusal) -> Int? {
        let element = header.element
        let data = file.extracting(header.dataOffset..<file.count)
        if element.dataType == .string || column.spec.dataType == .string {
            guard element.dataType == column.spec.dataType else { throw mismatch() }
            try copyStrings(data)
            return nil
        }
        let isRaw = element.dataType == column.spec.dataType && element.dataType != .bool
        let isInOrder = !header.isFortranOrder || header.shape.count < 2
        if isRaw, isInOrder, !element.isBigEndian || element.byteCount == 1 {
            column.memory.write(data, to: start * element.byteCount)
            return nil
        }
        switch column.spec.dataType {
        case .float32: return try convert(data, to: Float.self)
        case .float64: return try convert(data, to: Double.self)
        case .float16: return try convert(data, to: Float16.self)
        case .bfloat16: return try convert(data, to: BrainFloat.self)
        case .int8: return try convert(data, to: Int8.self)
        case .int16: return try convert(data, to: Int16.self)
        case .int32: return try convert(data, to: Int32.self)
        case .int64: return try convert(data, to: Int64.self)
        case .uint8: return try convert(data, to: UInt8.self)
        case .uint16: return try convert(data, to: UInt16.self)
        case .uint32: return try convert(data, to: UInt32.self)
        case .uint64: return try convert(data, to: UInt64.self)
        case .bool: return try convert(data, to: BooleanByte.self)
        case .string: throw mismatch()
        }
    }

    private func mismatch() -> DecodeRefusal {
        DecodeRefusal(
            .invalidType, "the array has \(header.element.dataType.name) elements, "
                + "input '\(column.spec.name)' takes \(column.spec.dataType.name)")
    }

    private func convert<T: ColumnElement>(
        _ data: Span<UInt8>, to type: T.Type
    ) throws(DecodeRefusal) -> Int? {
        let source = header.element.dataType
        switch source {
        case .float32, .float64, .float16, .bfloat16:
            guard T.from(float: 0) != nil else { throw mismatch() }
        case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64:
            guard T.from(signed: 0) != nil else { throw mismatch() }
        case .bool, .string: break
        }
        switch source {
        case .float32:
            return store(data, UInt32.self) { T.from(float: Double(Float(bitPattern: $0))) }
        case .float64: return store(data, UInt64.self) { T.from(float: Double(bitPattern: $0)) }
        case .float16:
            return store(data, UInt16.self) { T.from(float: Double(Float16(bitPattern: $0))) }
        case .bfloat16:
            return store(data, UInt16.self) {
                T.from(float: Double(Float(bitPattern: UInt32($0) << 16)))
            }
        case .int8: return store(data, Int8.self) { T.from(signed: Int64($0)) }
        case .int16: return store(data, Int16.self) { T.from(signed: Int64($0)) }
        case .int32: return store(data, Int32.self) { T.from(signed: Int64($0)) }
        case .int64: return store(data, Int64.self) { T.from(signed: $0) }
        case .uint8: return store(data, UInt8.self) { T.from(unsigned: UInt64($0)) }
        case .uint16: return store(data, UInt16.self) { T.from(unsigned: UInt64($0)) }
        case .uint32: return store(data, UInt32.self) { T.from(unsigned: UInt64($0)) }
        case .uint64: return store(data, UInt64.self) { T.from(unsigned: $0) }
        case .bool: return store(data, UInt8.self) { T.from(boolean: $0 != 0) }
        case .string: throw mismatch()
        }
    }

    /// Converts every value, in the order of the column.
    @inline(__always)
    private func store<Word: FixedWidthInteger & BitwiseCopyable, T: ColumnElement>(
        _ data: Span<UInt8>, _ word: Word.Type, _ value: (Word) -> T?
    ) -> Int? {
        var target = column.mutableElements(from: start, count: header.elementCount, as: T.self)
        var order = NPYOrder(header)
        for index in 0..<header.elementCount {
            let raw = data.littleEndian(at: order.next() * MemoryLayout<Word>.size, as: Word.self)
            guard let converted = value(header.element.isBigEndian ? raw.byteSwapped : raw) else {
                return index
            }
            target[index] = converted
        }
        return nil
    }

    private func copyStrings(_ data: Span<UInt8>) throws(DecodeRefusal) {
        var order = NPYOrder(header)
        let size = header.element.byteCount
        for index in 0..<header.elementCount {
            let offset = order.next() * size
            let bytes = data.extracting(offset..<offset + size)
            guard let text = header.element.isByteString ? Self.utf8(bytes) : utf32(bytes) else {
                throw DecodeRefusal(.invalidNPY, "the array's string \(index) is no Unicode text")
            }
            column.strings[start + index] = text
        }
    }

    /// NumPy pads with zeros, and takes all zeros at the end for padding.
    private static func utf8(_ bytes: Span<UInt8>) -> String? {
        var content: [UInt8] = []
        for index in bytes.indices { content.append(bytes[index]) }
        while content.last == 0 { content.removeLast() }
        return String(validating: content, as: UTF8.self)
    }

    private func utf32(_ bytes: Span<UInt8>) -> String? {
        var text = ""
        var zeros = 0
        for index in 0..<header.element.characterCount {
            let word = bytes.littleEndian(at: index * 4, as: UInt32.self)
            let value = header.element.isBigEndian ? word.byteSwapped : word
            guard let scalar = Unicode.Scalar(value) else { return nil }
            if value == 0 {
                zeros += 1
                continue
            }
            for _ in 0..<zeros { text.unicodeScalars.append("\0") }
            zeros = 0
            text.unicodeScalars.append(scalar)
        }
        return text
    }
}

/// The places in a file of the values of an array, visited in row-major order.
struct NPYOrder {
    private var position = 0
    private let isFortranOrder: Bool
    private let shape: [Int]
    private var indices: [Int] = []
    private var strides: [Int] = []

    init(_ header: NPYHeader) {
        isFortranOrder = header.isFortranOrder && header.shape.count > 1
        shape = header.shape
        guard isFortranOrder else { return }
        indices = Array(repeating: 0, count: shape.count)
        var stride = 1
        for dimension in shape {
            strides.append(stride)
            stride *= dimension
        }
    }

    /// The place of the next value.
    @inline(__always)
    mutating func next() -> Int {
        let current = position
        if isFortranOrder { step() } else { position += 1 }
        return current
    }

    private mutating func step() {
        var dimension = shape.count - 1
        while dimension >= 0 {
            indices[dimension] += 1
            position += strides[dimension]
            if indices[dimension] < shape[dimension] { return }
            position -= strides[dimension] * shape[dimension]
            indices[dimension] = 0
            dimension -= 1
        }
    }
}
