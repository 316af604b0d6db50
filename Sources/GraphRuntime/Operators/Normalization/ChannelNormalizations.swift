import Primitives

/// ONNX `InstanceNormalization` and `GroupNormalization`: each item's channels, or groups of them,
/// normalised over their pixels, then scaled and shifted by channel (by group before opset 21).
final class ChannelNormalizationOperator: Operator {
    private let epsilon: Double
    /// nil: a group a channel.
    private let groups: Int?
    private let isScaledByGroup: Bool

    @Sendable static func instance(
        _ context: OperatorContext
    ) throws(OperatorFailure) -> any Operator {
        try ChannelNormalizationOperator(context, groups: nil)
    }

    @Sendable static func group(_ context: OperatorContext) throws(OperatorFailure) -> any Operator
    {
        guard let groups = try context.int("num_groups"), groups > 0 else {
            throw OperatorFailure("its attribute 'num_groups' is missing or not positive")
        }
        context.ignore("stash_type")
        return try ChannelNormalizationOperator(context, groups: groups)
    }

    private init(_ context: OperatorContext, groups: Int?) throws(OperatorFailure) {
        try context.requireInputs(3)
        try context.requireOutputs(1)
        epsilon = Double(try context.float("epsilon", default: 1e-5))
        self.groups = groups
        isScaledByGroup = groups != nil && context.version < 21
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let type = try inputs.dataType(0, oneOf: [.float32, .float64], "its input")
        let shape = inputs[0].shape
        guard shape.count >= 2, shape[1] % (groups ?? 1) == 0 else {
            throw OperatorFailure("the shape \(Shape.text(shape)) has no such channels")
        }
        for index in 1..<3 {
            try inputs.requireSameType(0, index)
            let wanted = isScaledByGroup ? groups ?? 0 : shape[1]
            guard inputs[index].shape == [wanted] else {
                throw OperatorFailure("its input \(index) must have \(wanted) values")
            }
        }
        return [ValueInfo(type, shape)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let (x, y) = (inputs[0], outputs[0])
        let groups = groups ?? x.shape[1]
        let rows = x.shape[0] * groups
        let columns = rows == 0 ? 0 : x.count / rows
        func step<T: Number & BinaryFloatingPoint>(_: T.Type) -> any Step {
            NormalizeStep<T>(x, y, rows: rows, columns: columns, epsilon: epsilon)
        }
        let normalize = y.dataType == .float64 ? step(Double.self) : step(Float.self)
        let channels = isScaledByGroup ? groups : x.shape[1]
        let pixels = x.shape[0] * channels == 0 ? 0 : x.count / (x.shape[0] * channels)
        let (scale, bias) = (inputs[1].viewed([channels, 1]), inputs[2].viewed([channels, 1]))
        return StepList(
            [normalize]
                + (try ScaleShift.steps(
                    y, shape: [x.shape[0], channels, pixels], scale: scale, bias: bias)))
    }
}

/// ONNX `BatchNormalization`: each channel shifted and scaled by the statistics of training; with
/// `training_mode`, by those of the batch, which it gives out mixed into the running ones.
final class BatchNormalizationOperator: TensorOperator {
    private let epsilon: Double
    private let momentum: Double
    private let isTraining: Bool

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(5)
        isTraining =
            context.version >= 14 ? try context.flag("training_mode", default: false) : false
        try context.requireOutputs(1, max: isTraining ? 3 : 1)
        epsilon = Double(try context.float("epsilon", default: 1e-5))
        momentum = Double(try context.float("momentum", default: 0.9))
        if context.version < 9, try context.int("spatial", default: 1) != 1 {
            throw OperatorFailure("statistics a pixel (spatial = 0) are not supported")
        }
    }

    private func channels(_ shape: [Int]) -> Int { shape.count > 1 ? shape[1] : 1 }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        _ = try inputs.dataType(
            0, oneOf: [.float32, .float64, .float16, .bfloat16], "its input")
        let shape = inputs[0].shape
        guard shape.count >= 1 else { throw OperatorFailure("its input has no channels") }
        for index in 1..<5 where inputs[index].shape != [channels(shape)] {
            throw OperatorFailure("its input \(index) must have \(channels(shape)) values")
        }
        let all = [ValueInfo(inputs[0].dataType, shape)]
        return isTraining
            ? all + (3..<5).map { ValueInfo(inputs[$0].dataType, inputs[$0].shape) } : all
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        if !isTraining, inputs.list.allSatisfy({ $0?.dataType == .float32 }) {
            return BatchNormalizationStep(inputs, outputs[0], epsilon)
        }
        return computeStep(inputs, outputs)
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        let all = inputs.compactMap { $0 }
        guard all.count == 5 else { throw OperatorFailure("an input is left out") }
        let x = all[0]
        let values = x.reals
        let (scale, bias) = (all[1].reals, all[2].reals)
        var (mean, variance) = (all[3].reals, all[4].reals)
        let channels = channels(x.shape)
        let inner = x.shape.dropFirst(2).reduce(1, *)
        var results: [Tensor] = []
        if isTraining {
            let count = Double(x.elementCount / max(channels, 1))
            var sums = Array(repeating: 0.0, count: channels)
            for (place, value) in values.enumerated() { sums[place / inner % channels] += value }
            let centers = sums.map { $0 / count }
            var squares = Array(repeating: 0.0, count: channels)
            for (place, value) in values.enumerated() {
                let distance = value - centers[place / inner % channels]
                squares[place / inner % channels] += distance * distance
            }
            let spreads = squares.map { $0 / count }
            results = [
                Tensor(
                    all[3].dataType, shape: all[3].shape,
                    reals: zip(mean, centers).map { $0 * momentum + $1 * (1 - momentum) }),
                Tensor(
                    all[4].dataType, shape: all[4].shape,
                    reals: zip(variance, spreads).map { $0 * momentum + $1 * (1 - momentum) }),
            ]
            (mean, variance) = (centers, spreads)
        }
        let factors = variance.map { 1 / ($0 + epsilon).squareRoot() }
        let made = values.enumerated().map { place, value in
            let channel = place / inner % channels
            return (value - mean[channel]) * factors[channel] * scale[channel] + bias[channel]
        }
        return [Tensor(x.dataType, shape: x.shape, reals: made)] + results
    }
}

/// float32 at inference: a factor and a shift a channel.
private final class BatchNormalizationStep: Step {
    private let (x, scale, bias, mean, variance): (Operand, Operand, Operand, Operand, Operand)
    private let y: Operand
    private let epsilon: Double

    init(_ inputs: Operands, _ y: Operand, _ epsilon: Double) {
        (x, scale, bias) = (inputs[0], inputs[1], inputs[2])
        (mean, variance) = (inputs[3], inputs[4])
        (self.y, self.epsilon) = (y, epsilon)
    }

    func run(_ workspace: Workspace) {
        let source = workspace.span(x, as: Float.self)
        let gains = workspace.span(scale, as: Float.self)
        let shifts = workspace.span(bias, as: Float.self)
        let centers = workspace.span(mean, as: Float.self)
        let spreads = workspace.span(variance, as: Float.self)
        var target = workspace.mutableSpan(y, as: Float.self)
        let channels = scale.count
        let inner = x.shape.dropFirst(2).reduce(1, *)
        guard channels > 0, inner > 0 else { return }
        for block in 0..<x.count / inner {
            let channel = block % channels
            let factor =
                Double(gains[channel])
                / (Double(spreads[channel]) + epsilon).squareRoot()
            let (slope, shift) = (
                Float(factor), Float(Double(shifts[channel]) - Double(centers[channel]) * factor)
            )
            for index in block * inner..<(block + 1) * inner {
                target[index] = source[index] * slope + shift
            }
        }
    }
}
