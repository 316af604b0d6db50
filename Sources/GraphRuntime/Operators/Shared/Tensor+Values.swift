import Primitives

// Whole tensors as arrays, for operators that are written as functions of tensors.
extension Tensor {
    /// All values of a numeric tensor in float64. Integers beyond 2^53 are rounded.
    var reals: [Double] {
        switch dataType {
        case .float32: array(as: Float.self).map { Double($0) }
        case .float64: array(as: Double.self)
        case .float16: array(as: UInt16.self).map { Double(HalfFloat.value($0)) }
        case .bfloat16:
            array(as: UInt16.self).map { Double(Float(bitPattern: UInt32($0) << 16)) }
        case .int8: array(as: Int8.self).map { Double($0) }
        case .int16: array(as: Int16.self).map { Double($0) }
        case .int32: array(as: Int32.self).map { Double($0) }
        case .int64: array(as: Int64.self).map { Double($0) }
        case .uint8, .bool: array(as: UInt8.self).map { Double($0) }
        case .uint16: array(as: UInt16.self).map { Double($0) }
        case .uint32: array(as: UInt32.self).map { Double($0) }
        case .uint64: array(as: UInt64.self).map { Double($0) }
        case .string: []
        }
    }

    /// All values of a tensor of integers or booleans; nil for other types. uint64 wraps around.
    var wholeNumbers: [Int]? {
        switch dataType {
        case .int8: array(as: Int8.self).map { Int($0) }
        case .int16: array(as: Int16.self).map { Int($0) }
        case .int32: array(as: Int32.self).map { Int($0) }
        case .int64: array(as: Int64.self).map { Int($0) }
        case .uint8, .bool: array(as: UInt8.self).map { Int($0) }
        case .uint16: array(as: UInt16.self).map { Int($0) }
        case .uint32: array(as: UInt32.self).map { Int($0) }
        case .uint64: array(as: UInt64.self).map { Int(truncatingIfNeeded: $0) }
        case .float32, .float64, .float16, .bfloat16, .string: nil
        }
    }

    /// The only value of a tensor of one number.
    var oneReal: Double? { elementCount == 1 && dataType != .string ? reals[0] : nil }

    /// A tensor of a float type, each value rounded once; of an integer type, each value rounded to
    /// the nearest (halves to even) and held inside the type's range.
    init(_ dataType: DataType, shape: [Int], reals: [Double]) {
        switch dataType {
        case .float32: self.init(dataType, shape: shape, reals.map { Float($0) })
        case .float64: self.init(dataType, shape: shape, reals)
        case .float16: self.init(dataType, shape: shape, reals.map { HalfFloat.bits(Float($0)) })
        case .bfloat16:
            self.init(dataType, shape: shape, reals.map { HalfFloat.brainBits(Float($0)) })
        case .int8: self.init(dataType, shape: shape, reals.map { Int8(saturating: $0) })
        case .int16: self.init(dataType, shape: shape, reals.map { Int16(saturating: $0) })
        case .int32: self.init(dataType, shape: shape, reals.map { Int32(saturating: $0) })
        case .int64: self.init(dataType, shape: shape, reals.map { Int64(saturating: $0) })
        case .uint8: self.init(dataType, shape: shape, reals.map { UInt8(saturating: $0) })
        case .uint16: self.init(dataType, shape: shape, reals.map { UInt16(saturating: $0) })
        case .uint32: self.init(dataType, shape: shape, reals.map { UInt32(saturating: $0) })
        case .uint64: self.init(dataType, shape: shape, reals.map { UInt64(saturating: $0) })
        case .bool: self.init(dataType, shape: shape, reals.map { UInt8($0 == 0 ? 0 : 1) })
        case .string: self.init(shape: shape, strings: reals.map { Scalar.real($0).text })
        }
    }

    /// A tensor of int64.
    init(shape: [Int], integers: [Int]) {
        self.init(.int64, shape: shape, integers.map { Int64($0) })
    }

    /// The values in another float type.
    func converted(to type: DataType) -> Tensor {
        type == dataType ? self : Tensor(type, shape: shape, reals: reals)
    }

    /// A tensor of this type whose element i is element `indices[i]` of this one; where the index
    /// is negative, zero or an empty string.
    func picked(_ indices: [Int], shape: [Int]) -> Tensor {
        if dataType == .string {
            return Tensor(shape: shape, strings: indices.map { $0 < 0 ? "" : strings[$0] })
        }
        let result = Tensor(dataType: dataType, shape: shape)
        switch dataType.byteCount {
        case 8: pick(indices, result, UInt64.self)
        case 4: pick(indices, result, UInt32.self)
        case 2: pick(indices, result, UInt16.self)
        default: pick(indices, result, UInt8.self)
        }
        return result
    }

    private func pick<T: Word>(_ indices: [Int], _ result: Tensor, _ type: T.Type) {
        let source = span(as: type)
        var target = result.mutableSpan(as: type)
        for place in indices.indices where indices[place] >= 0 {
            target[place] = source[indices[place]]
        }
    }
}

extension FixedWidthInteger {
    /// The nearest integer (halves to even) that the type can hold; 0 for NaN.
    init(saturating value: Double) {
        let rounded = value.rounded(.toNearestOrEven)
        if let exact = Self(exactly: rounded) {
            self = exact
        } else if rounded.isNaN {
            self = 0
        } else {
            self = rounded < 0 ? Self.min : Self.max
        }
    }
}
