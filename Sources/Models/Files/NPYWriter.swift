import Primitives

/// Writes tensors as NumPy files: version 1.0, C order, little-endian, strings as `<U…`.
public enum NPYWriter {
    public static func append(_ tensor: Tensor, to buffer: inout ByteBuffer) {
        guard tensor.dataType != .string else { return appendStrings(tensor, to: &buffer) }
        NPYHeader(element: NPYElement(tensor.dataType), shape: tensor.shape).append(to: &buffer)
        let count = tensor.elementCount * tensor.dataType.byteCount
        guard let memory = tensor.memory, count > 0 else { return }
        buffer.append(memory.span(as: UInt8.self, byteOffset: 0, count: count, owner: memory))
    }

    private static func appendStrings(_ tensor: Tensor, to buffer: inout ByteBuffer) {
        let longest = tensor.strings.reduce(1) { max($0, $1.unicodeScalars.count) }
        NPYHeader(element: NPYElement(characters: longest), shape: tensor.shape)
            .append(to: &buffer)
        for string in tensor.strings {
            var count = 0
            for scalar in string.unicodeScalars {
                append(scalar.value, to: &buffer)
                count += 1
            }
            for _ in count..<longest { append(0, to: &buffer) }
        }
    }

    private static func append(_ code: UInt32, to buffer: inout ByteBuffer) {
        for shift in [0, 8, 16, 24] as [UInt32] {
            buffer.append(UInt8(truncatingIfNeeded: code >> shift))
        }
    }
}
