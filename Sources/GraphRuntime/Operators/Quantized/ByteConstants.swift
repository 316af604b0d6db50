import Primitives

extension DataType {
    /// The types that products of bytes take.
    var isByte: Bool { self == .int8 || self == .uint8 }
}

extension ByteScale {
    /// The scale and zero point that constants of one element are; nil when they are not. Without a
    /// zero point the bytes are of type `type`.
    init?(_ scale: Tensor?, _ zero: Tensor?, type: DataType = .uint8) {
        guard let scale, scale.dataType == .float32, scale.elementCount == 1 else { return nil }
        var point = 0
        if let zero {
            guard zero.dataType.isByte, zero.elementCount == 1, let value = zero.wholeNumbers?[0]
            else { return nil }
            point = value
        }
        self.init(
            scale: scale.span(as: Float.self)[0], zeroPoint: point,
            isSigned: (zero?.dataType ?? type) == .int8)
    }

    var dataType: DataType { isSigned ? .int8 : .uint8 }

    /// A whole number of units as a byte, as `KernelSet.multiply` makes it.
    func quantized(_ value: Float, range: ClosedRange<Int> = 0...255) -> Int {
        let (low, high) = (
            Float(Int32(range.lowerBound) - zero), Float(Int32(range.upperBound) - zero)
        )
        let held = value > low ? (value > high ? high : value) : low
        return Int(held.rounded(.toNearestOrEven)) + zeroPoint
    }
}

/// The float32 scales of a weight tensor: one for all of `count` filters or one each.
enum WeightScales {
    /// A value a filter; nil when the tensor does not fit.
    static func list(_ tensor: Tensor?, count: Int) -> [Float]? {
        guard let tensor, tensor.dataType == .float32 else { return nil }
        return spread(tensor.array(as: Float.self), count)
    }

    /// Zero points, a value for all or a filter; empty without a tensor.
    static func zeros(_ tensor: Tensor?, count: Int, type: DataType) -> [Int]? {
        guard let tensor else { return [] }
        guard tensor.dataType == type, let values = tensor.wholeNumbers,
            values.count == 1 || values.count == count
        else { return nil }
        return values
    }

    private static func spread(_ values: [Float], _ count: Int) -> [Float]? {
        if values.count == 1 { return Array(repeating: values[0], count: count) }
        return values.count == count ? values : nil
    }

    /// What a sum of products is multiplied by to become a quantized number, as ONNX Runtime
    /// computes it: in float32, in this order.
    static func units(_ x: Float, _ w: [Float], _ y: Float?) -> [Float] {
        w.map { weight in
            let product = x * weight
            return y.map { product / $0 } ?? product
        }
    }
}

extension Workspace {
    /// The scale and zero point that operands of one element are now; without a scale, 1.
    func byteScale(
        _ scale: borrowing Operand?, _ zero: borrowing Operand?, type: DataType
    ) -> ByteScale {
        var factor: Float = 1
        if let scale = copy scale { factor = span(scale, as: Float.self)[0] }
        var point = 0
        if let zero = copy zero {
            let byte = span(zero, as: UInt8.self)[0]
            point = zero.dataType == .int8 ? Int(Int8(bitPattern: byte)) : Int(byte)
        }
        return ByteScale(scale: factor, zeroPoint: point, isSigned: type == .int8)
    }
}
