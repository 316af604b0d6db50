import Primitives

/// Reads nested JSON arrays as a tensor: `[[5.1, 3.5], [4.9, 3.0]]`, alone or as a request body has
/// them: behind `instances`, or behind the input's name, itself in `inputs` or not.
enum JSONTensor {
    static func read(_ text: Span<UInt8>, _ spec: TensorSpec) throws(TensorFailure) -> Tensor {
        guard var values = TextValues(for: spec.dataType) else {
            throw TensorFailure("\(spec.dataType.name) cannot be given as text; use .npy")
        }
        var reader = JSONReader(text)
        var shape: [Int?] = []
        let isFound: Bool
        do throws(JSONError) {
            isFound = try find(&reader, spec.name, &values, &shape)
            try reader.expectEnd()
        } catch {
            throw TensorFailure(error.message)
        }
        guard isFound else {
            throw TensorFailure("it has neither 'instances' nor '\(spec.name)'")
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

    /// Reads the values where they are; false when no key leads to them.
    private static func find(
        _ reader: inout JSONReader, _ name: String, _ values: inout TextValues,
        _ shape: inout [Int?]
    ) throws(JSONError) -> Bool {
        guard try reader.peek() == .object else {
            try readNested(&reader, 0, &values, &shape)
            return true
        }
        var isFound = false
        try reader.enterObject()
        while try reader.nextKey() {
            let key = reader.keyString()
            if !isFound, key == "instances" || key == name {
                try readNested(&reader, 0, &values, &shape)
                isFound = true
            } else if !isFound, key == "inputs", try reader.peek() == .object {
                isFound = try find(&reader, name, &values, &shape)
            } else {
                try reader.skipValue()
            }
        }
        return isFound
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
