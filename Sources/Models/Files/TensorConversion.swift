import Primitives

/// Converts a tensor to the element type an input takes, where the values allow it.
enum TensorConversion {
    static func convert(_ tensor: Tensor, to target: DataType) throws(TensorFailure) -> Tensor {
        if tensor.dataType == target { return tensor }
        let refusal = TensorFailure(
            "it holds \(tensor.dataType.name), the input takes \(target.name)")
        guard let numbers = numbers(tensor) else { throw refusal }
        switch (numbers, target) {
        case (.reals(let values), .float32):
            return Tensor(.float32, shape: tensor.shape, values.map { Float($0) })
        case (.reals(let values), .float64):
            return Tensor(.float64, shape: tensor.shape, values)
        case (.integers(let values), .float32):
            return Tensor(.float32, shape: tensor.shape, values.map { Float($0) })
        case (.integers(let values), .float64):
            return Tensor(.float64, shape: tensor.shape, values.map { Double($0) })
        case (.integers(let values), .int8): return try exact(values, Int8.self, target, tensor)
        case (.integers(let values), .int16): return try exact(values, Int16.self, target, tensor)
        case (.integers(let values), .int32): return try exact(values, Int32.self, target, tensor)
        case (.integers(let values), .int64): return try exact(values, Int64.self, target, tensor)
        case (.integers(let values), .uint8): return try exact(values, UInt8.self, target, tensor)
        case (.integers(let values), .uint16): return try exact(values, UInt16.self, target, tensor)
        case (.integers(let values), .uint32): return try exact(values, UInt32.self, target, tensor)
        case (.integers(let values), .uint64): return try exact(values, UInt64.self, target, tensor)
        default: throw refusal
        }
    }

    private enum Numbers {
        case reals([Double])
        case integers([Int64])
    }

    /// The values widened; nil for types that are not converted.
    private static func numbers(_ tensor: Tensor) -> Numbers? {
        switch tensor.dataType {
        case .float32: .reals(tensor.array(as: Float.self).map { Double($0) })
        case .float64: .reals(tensor.array(as: Double.self))
        case .int8: .integers(tensor.array(as: Int8.self).map { Int64($0) })
        case .int16: .integers(tensor.array(as: Int16.self).map { Int64($0) })
        case .int32: .integers(tensor.array(as: Int32.self).map { Int64($0) })
        case .int64: .integers(tensor.array(as: Int64.self))
        case .uint8: .integers(tensor.array(as: UInt8.self).map { Int64($0) })
        case .uint16: .integers(tensor.array(as: UInt16.self).map { Int64($0) })
        case .uint32: .integers(tensor.array(as: UInt32.self).map { Int64($0) })
        case .float16, .bfloat16, .uint64, .bool, .string: nil
        }
    }

    private static func exact<T: FixedWidthInteger & BitwiseCopyable>(
        _ values: [Int64], _ type: T.Type, _ target: DataType, _ tensor: Tensor
    ) throws(TensorFailure) -> Tensor {
        var result: [T] = []
        result.reserveCapacity(values.count)
        for value in values {
            guard let fitting = T(exactly: value) else {
                throw TensorFailure("the value \(value) does not fit into \(target.name)")
            }
            result.append(fitting)
        }
        return Tensor(target, shape: tensor.shape, result)
    }

    /// A tensor of a type from values that were read as text.
    static func tensor(
        _ values: TextValues, shape: [Int], _ dataType: DataType
    ) throws(TensorFailure) -> Tensor {
        switch values {
        case .strings(let list): return Tensor(shape: shape, strings: list)
        case .booleans(let list): return Tensor(.bool, shape: shape, list)
        case .integers(let list):
            return try convert(Tensor(.int64, shape: shape, list), to: dataType)
        case .reals(let list):
            return try convert(Tensor(.float64, shape: shape, list), to: dataType)
        case .floats(let list): return Tensor(.float32, shape: shape, list)
        }
    }
}

/// Values of a text file, in the form that suits an input's type.
enum TextValues {
    case floats([Float])
    case reals([Double])
    case integers([Int64])
    case booleans([UInt8])
    case strings([String])

    /// An empty list for inputs of a type; nil for types text files cannot give.
    init?(for dataType: DataType) {
        switch dataType {
        case .float32: self = .floats([])
        case .float64: self = .reals([])
        case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64: self = .integers([])
        case .bool: self = .booleans([])
        case .string: self = .strings([])
        case .float16, .bfloat16: return nil
        }
    }

    var count: Int {
        switch self {
        case .floats(let list): list.count
        case .reals(let list): list.count
        case .integers(let list): list.count
        case .booleans(let list): list.count
        case .strings(let list): list.count
        }
    }
}
