import Kernels
import Primitives

/// ONNX `Clip`: each element held between a lowest and a highest value. The bounds are attributes
/// before opset 11, inputs since.
final class ClipOperator: Operator {
    private let low: Float?
    private let high: Float?

    init(_ context: OperatorContext) throws(OperatorFailure) {
        let haveInputs = context.version >= 11
        try context.requireInputs(1, max: haveInputs ? 3 : 1)
        try context.requireOutputs(1)
        low = haveInputs ? nil : try context.float("min")
        high = haveInputs ? nil : try context.float("max")
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let type = try inputs.dataType(0, oneOf: DataType.numbers, "its input")
        for index in 1..<3 {
            guard let bound = inputs.optional(index) else { continue }
            try inputs.requireSameType(0, index)
            guard bound.shape.reduce(1, *) == 1 else {
                throw OperatorFailure(
                    "its bound of shape \(Shape.text(bound.shape)) must be one value")
            }
        }
        return [ValueInfo(type, inputs[0].shape)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let (x, y) = (inputs[0], outputs[0])
        var bounds = (inputs.optional(1), inputs.optional(2))
        if let low { bounds.0 = Operand(Tensor(.float32, shape: [], [low])) }
        if let high { bounds.1 = Operand(Tensor(.float32, shape: [], [high])) }
        if y.dataType == .float32 { return ClipFloatStep(x, bounds.0, bounds.1, y) }
        guard low == nil, high == nil else {
            throw OperatorFailure("\(y.dataType.name) is supported from opset 11 on")
        }
        let (first, second) = bounds
        return try y.dataType.withNumber { type in
            func make<T: Number>(_: T.Type) -> any Step { ClipStep<T>(x, first, second, y) }
            return make(type)
        }
    }
}

private final class ClipFloatStep: Step {
    private let (x, y): (Operand, Operand)
    private let (low, high): (Operand?, Operand?)

    init(_ x: Operand, _ low: Operand?, _ high: Operand?, _ y: Operand) {
        (self.x, self.y, self.low, self.high) = (x, y, low, high)
    }

    func run(_ workspace: Workspace) {
        var (bottom, top) = (-Float.infinity, Float.infinity)
        if let low { bottom = workspace.span(low, as: Float.self)[0] }
        if let high { top = workspace.span(high, as: Float.self)[0] }
        let source = workspace.span(x, as: Float.self)
        var target = workspace.mutableSpan(y, as: Float.self)
        KernelSet.best.clamp(source, low: bottom, high: top, y: &target)
    }
}

private final class ClipStep<T: Number>: Step {
    private let (x, y): (Operand, Operand)
    private let (low, high): (Operand?, Operand?)

    init(_ x: Operand, _ low: Operand?, _ high: Operand?, _ y: Operand) {
        (self.x, self.y, self.low, self.high) = (x, y, low, high)
    }

    @_specialize(where T == Double)
    @_specialize(where T == Int64)
    @_specialize(where T == Int32)
    func run(_ workspace: Workspace) {
        let source = workspace.span(x, as: T.self)
        var target = workspace.mutableSpan(y, as: T.self)
        for index in source.indices { target[index] = source[index] }
        if let low {
            let bottom = workspace.span(low, as: T.self)[0]
            for index in target.indices where target[index] < bottom { target[index] = bottom }
        }
        if let high {
            let top = workspace.span(high, as: T.self)[0]
            for index in target.indices where target[index] > top { target[index] = top }
        }
    }
}
