import Primitives

/// Reads nested JSON arrays as a tensor: `[[5.1, 3.5], [4.9, 3.0]]`.
enum JSONTensor {
    static func read(_ text: Span<UInt8>, _ spec: TensorSpec) throws(TensorFailure) -> Tensor {
        guard var values = TextValues(for: spec.dataType) else {
            throw TensorFailure("\(spec.dataType.name) cannot be given as text; use .npy")
        }
        var reader = JSONReader(text)
        var shape: [Int?] = []
        do throws(JSONError) {
            try readNested(&reader, 0, &values, &shape)
            try reader.expectEnd()
        } catch {
            throw TensorFailure(error.message)
        }
        var sizes: [Int] = []
        for size in shape {
            guard let size else { throw TensorFailure("its rows have different lengths") }
            sizes.append(size)
        }
        guard sizes.reduce(1, *) == values.count else {
            throw TensorFailure("its rows have different lengths")
        }
        return try TensorConversion.tensor(values, shape: sizes, spec.dataType)
    }

    /// Reads a value at a depth; the reader bounds the nesting. A size that is not the same
    /// everywhere becomes nil, and so does one where arrays and values stand side by side.
    private static func readNested(
        _ reader: inout JSONReader, _ depth: Int, _ values: inout TextValues,
        _ shape: inout [Int?]
    ) throws(JSONError) {
        guard try reader.peek() == .array else {
            if depth < shape.count { shape[depth] = nil }
            return try readLeaf(&reader, &values)
        }
        let isFirst = depth == shape.count
        if isFirst {
            // Values before the first array at this depth: a mixed list.
            shape.append(values.count > 0 ? nil : -1)
        }
        try reader.enterArray()
        var count = 0
        while try reader.nextElement() {
            try readNested(&reader, depth + 1, &values, &shape)
            count += 1
        }
        if shape[depth] == -1 {
            shape[depth] = count
        } else if shape[depth] != count {
            shape[depth] = nil
        }
    }

    private static func readLeaf(
        _ reader: inout JSONReader, _ values: inout TextValues
    ) throws(JSONError) {
        switch values {
        case .floats(var list):
            values = .integers([])
            list.append(try reader.readFloat())
            values = .floats(list)
        case .reals(var list):
            values = .integers([])
            list.append(try reader.readDouble())
            values = .reals(list)
        case .integers(var list):
            values = .booleans([])
            list.append(try reader.readInt64())
            values = .integers(list)
        case .booleans(var list):
            values = .integers([])
            list.append(try reader.readBool() ? 1 : 0)
            values = .booleans(list)
        case .strings(var list):
            values = .integers([])
            list.append(try reader.readString())
            values = .strings(list)
        }
    }
}
