import Primitives

/// Reads whole NumPy files into tensors: any byte order, C or Fortran order, numbers, booleans and
/// strings (`U` and `S`).
public enum NPYReader {
    /// - Cost: one pass over the file.
    public static func read(_ file: Span<UInt8>) throws(NPYError) -> Tensor {
        let header = try NPYHeader(file)
        guard header.elementCount <= Limits.standard.tensorElementsMax else {
            throw NPYError("the shape \(header.shape) is larger than a tensor may be")
        }
        let data = file.extracting(header.dataOffset...)
        if header.element.dataType == .string { return try strings(header, data) }
        switch header.element.byteCount {
        case 8: return numbers(header, data, UInt64.self)
        case 4: return numbers(header, data, UInt32.self)
        case 2: return numbers(header, data, UInt16.self)
        default: return numbers(header, data, UInt8.self)
        }
    }

    private static func numbers<T: FixedWidthInteger & BitwiseCopyable>(
        _ header: NPYHeader, _ data: Span<UInt8>, _ type: T.Type
    ) -> Tensor {
        let tensor = Tensor(dataType: header.element.dataType, shape: header.shape)
        var target = tensor.mutableSpan(as: type)
        var order = ElementOrder(header)
        for index in target.indices {
            let offset = order.next() * MemoryLayout<T>.size
            let bits = data.littleEndian(at: offset, as: type)
            target[index] = header.element.isBigEndian ? bits.byteSwapped : bits
        }
        if header.element.dataType == .bool {
            for index in target.indices where target[index] > 1 { target[index] = 1 }
        }
        return tensor
    }

    private static func strings(
        _ header: NPYHeader, _ data: Span<UInt8>
    ) throws(NPYError) -> Tensor {
        var order = ElementOrder(header)
        var values: [String] = []
        values.reserveCapacity(header.elementCount)
        for _ in 0..<header.elementCount {
            let start = order.next() * header.element.byteCount
            values.append(try string(header.element, data, start))
        }
        return Tensor(shape: header.shape, strings: values)
    }

    /// One string; NumPy pads with zeros, which are no part of it.
    private static func string(
        _ element: NPYElement, _ data: Span<UInt8>, _ start: Int
    ) throws(NPYError) -> String {
        var codes: [UInt32] = []
        for index in 0..<element.characterCount {
            if element.isByteString {
                codes.append(UInt32(data[start + index]))
            } else {
                let code = data.littleEndian(at: start + index * 4, as: UInt32.self)
                codes.append(element.isBigEndian ? code.byteSwapped : code)
            }
        }
        while codes.last == 0 { codes.removeLast() }
        if element.isByteString {
            return String(decoding: codes.map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
        }
        var text = ""
        for code in codes {
            guard let scalar = Unicode.Scalar(code) else {
                throw NPYError("a string holds \(code), which is no character")
            }
            text.unicodeScalars.append(scalar)
        }
        return text
    }
}

/// The positions of a file's elements in the order of a tensor's (last index fastest).
private struct ElementOrder {
    private let shape: [Int]
    private let strides: [Int]
    private var counters: [Int]
    private var position = 0
    private let isPlain: Bool

    init(_ header: NPYHeader) {
        shape = header.shape
        isPlain = !header.isFortranOrder || header.shape.count < 2
        counters = Array(repeating: 0, count: shape.count)
        var strides: [Int] = []
        var stride = 1
        for size in shape {
            strides.append(stride)
            stride *= max(size, 1)
        }
        self.strides = strides
    }

    mutating func next() -> Int {
        let current = position
        if isPlain {
            position += 1
            return current
        }
        var index = shape.count - 1
        while index >= 0 {
            counters[index] += 1
            position += strides[index]
            if counters[index] < shape[index] { break }
            position -= strides[index] * shape[index]
            counters[index] = 0
            index -= 1
        }
        return current
    }
}
