import Primitives

/// A scale and a zero point for all of a tensor, for each index of an axis, or for blocks along it.
struct QuantizationLayout {
    private let axis: Int
    private let blockSize: Int
    private let shape: [Int]
    private let strides: [Int]
    private let scaleShape: [Int]
    private let scaleStrides: [Int]

    init(_ shape: [Int], _ scale: [Int], axis given: Int, blockSize: Int) throws(OperatorFailure) {
        self.shape = shape
        strides = Shape.strides(shape)
        scaleShape = scale
        scaleStrides = Shape.strides(scale)
        self.blockSize = blockSize
        if scale.reduce(1, *) == 1 {
            axis = -1
            return
        }
        guard let axis = Shape.axis(given, rank: shape.count) else {
            throw OperatorFailure("its axis \(given) is outside of the shape \(Shape.text(shape))")
        }
        self.axis = axis
        let blocks = blockSize > 0 ? (shape[axis] + blockSize - 1) / blockSize : 0
        let fits =
            blockSize > 0
            ? scale.count == shape.count
                && shape.indices.allSatisfy({ scale[$0] == ($0 == axis ? blocks : shape[$0]) })
            : scale == [shape[axis]]
        guard fits else {
            throw OperatorFailure(
                "scales of \(Shape.text(scale)) do not fit \(Shape.text(shape)) along axis \(axis)")
        }
    }

    /// The index of the scale of an element.
    func scaleIndex(_ place: Int) -> Int {
        if axis < 0 { return 0 }
        if blockSize == 0 { return place / strides[axis] % shape[axis] }
        var index = 0
        for dimension in shape.indices {
            let at = place / strides[dimension] % shape[dimension]
            index += (dimension == axis ? at / blockSize : at) * scaleStrides[dimension]
        }
        return index
    }
}

/// ONNX `QuantizeLinear`: x / scale rounded to the nearest (halves to even), plus a zero point, held
/// inside of the type's range.
final class QuantizeLinearOperator: TensorOperator {
    private let (axis, blockSize): (Int, Int)
    private let type: DataType?

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(2, max: 3)
        try context.requireOutputs(1)
        axis = try context.int("axis", default: 1)
        blockSize = try context.int("block_size", default: 0)
        type =
            try context.int("output_dtype", default: 0) == 0
            ? nil : context.dataType("output_dtype")
        context.ignore("saturate", "precision")
        guard blockSize >= 0 else { throw OperatorFailure("its block size is negative") }
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        _ = try inputs.dataType(0, oneOf: DataType.floats + [.int32], "its input")
        let target = inputs.optional(2)?.dataType ?? type ?? .uint8
        guard DataType.integers.contains(target) else {
            throw OperatorFailure("\(target.name) is no type to quantize to here")
        }
        return [ValueInfo(target, inputs[0].shape)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let (x, y) = (inputs[0], outputs[0])
        guard x.dataType == .float32,
            let places = QuantizePlaces(
                inputs, y: y, bytes: y.dataType, axis: axis, blockSize: blockSize)
        else { return computeStep(inputs, outputs) }
        return QuantizeStep(places, isInverse: false)
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0], let scale = inputs[1] else {
            throw OperatorFailure("an input is left out")
        }
        let zero = inputs.count > 2 ? inputs[2] : nil
        let layout = try QuantizationLayout(x.shape, scale.shape, axis: axis, blockSize: blockSize)
        let (scales, zeros) = (scale.reals, zero?.reals)
        guard zeros.map({ $0.count == scales.count }) ?? true else {
            throw OperatorFailure("its scales and zero points differ in number")
        }
        let isFloat32 = x.dataType != .float64
        let values = x.reals.enumerated().map { place, value in
            let index = layout.scaleIndex(place)
            // Divided in float32, as everybody does: halves are common, and where they go matters.
            let quotient =
                isFloat32
                ? Double(Float(value) / Float(scales[index])) : value / scales[index]
            return quotient.rounded(.toNearestOrEven) + (zeros?[index] ?? 0)
        }
        return [Tensor(zero?.dataType ?? type ?? .uint8, shape: x.shape, reals: values)]
    }
}

/// ONNX `DequantizeLinear`: (x - zero point) · scale.
final class DequantizeLinearOperator: TensorOperator {
    private let (axis, blockSize): (Int, Int)

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(2, max: 3)
        try context.requireOutputs(1)
        axis = try context.int("axis", default: 1)
        blockSize = try context.int("block_size", default: 0)
        context.ignore("output_dtype")
        guard blockSize >= 0 else { throw OperatorFailure("its block size is negative") }
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        _ = try inputs.dataType(0, oneOf: DataType.integers, "its input")
        let type = try inputs.dataType(1, oneOf: DataType.floats, "its scale")
        return [ValueInfo(type, inputs[0].shape)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        guard outputs[0].dataType == .float32,
            let places = QuantizePlaces(
                inputs, y: outputs[0], bytes: inputs[0].dataType, axis: axis,
                blockSize: blockSize)
        else { return computeStep(inputs, outputs) }
        return QuantizeStep(places, isInverse: true)
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0], let scale = inputs[1] else {
            throw OperatorFailure("an input is left out")
        }
        let layout = try QuantizationLayout(x.shape, scale.shape, axis: axis, blockSize: blockSize)
        let (scales, zeros) = (scale.reals, inputs.count > 2 ? inputs[2]?.reals : nil)
        guard zeros.map({ $0.count == scales.count }) ?? true else {
            throw OperatorFailure("its scales and zero points differ in number")
        }
        let values = x.reals.enumerated().map { place, value in
            let index = layout.scaleIndex(place)
            return (value - (zeros?[index] ?? 0)) * scales[index]
        }
        return [Tensor(scale.dataType, shape: x.shape, reals: values)]
    }
}

/// ONNX `DynamicQuantizeLinear`: uint8 values over the range of a tensor (0 included), the scale and
/// the zero point.
final class DynamicQuantizeLinearOperator: TensorOperator {
    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(3)
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        _ = try inputs.dataType(0, oneOf: [.float32], "its input")
        return [
            ValueInfo(.uint8, inputs[0].shape), ValueInfo(.float32, []), ValueInfo(.uint8, []),
        ]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        guard let y = outputs.optional(0) else { return computeStep(inputs, outputs) }
        return DynamicQuantizeStep(inputs[0], outputs, y: y)
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0] else { throw OperatorFailure("its input is left out") }
        let values = x.array(as: Float.self)
        let low = min(0, values.min() ?? 0)
        let high = max(0, values.max() ?? 0)
        let scale = high == low ? 1 : (high - low) / 255
        let zero = max(0, min(255, (-low / scale).rounded(.toNearestOrEven)))
        let made = values.map { value in
            UInt8(saturating: Double((value / scale).rounded(.toNearestOrEven) + zero))
        }
        return [
            Tensor(.uint8, shape: x.shape, made), Tensor(.float32, shape: [], [scale]),
            Tensor(.uint8, shape: [], [UInt8(zero)]),
        ]
    }
}
