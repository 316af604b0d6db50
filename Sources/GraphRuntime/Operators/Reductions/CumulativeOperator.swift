import Primitives

/// ONNX `CumSum` and `CumProd`: running sums or products along an axis, forwards or backwards, with or
/// without the element itself.
final class CumulativeOperator: Operator {
    private let function: BinaryFunction
    private let isExclusive: Bool
    private let isReverse: Bool

    @Sendable static func sum(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try CumulativeOperator(context, .add)
    }

    @Sendable static func product(
        _ context: OperatorContext
    ) throws(OperatorFailure) -> any Operator {
        try CumulativeOperator(context, .multiply)
    }

    private init(
        _ context: OperatorContext, _ function: BinaryFunction
    ) throws(OperatorFailure) {
        try context.requireInputs(2)
        try context.requireOutputs(1)
        self.function = function
        isExclusive = try context.flag("exclusive", default: false)
        isReverse = try context.flag("reverse", default: false)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let type = try inputs.dataType(0, oneOf: DataType.numbers, "its input")
        _ = try axis(inputs)
        return [ValueInfo(type, inputs[0].shape)]
    }

    private func axis(_ inputs: Inputs) throws(OperatorFailure) -> Int {
        let given = try inputs.integers(1, "its axis")
        guard given.count == 1, let axis = Shape.axis(given[0], rank: inputs[0].shape.count) else {
            throw OperatorFailure("its axis is outside of the shape \(Shape.text(inputs[0].shape))")
        }
        return axis
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let (x, y) = (inputs[0], outputs[0])
        let axis = try axis(inputs.infos)
        let sizes = (
            x.shape[..<axis].reduce(1, *), x.shape[axis], x.shape[(axis + 1)...].reduce(1, *)
        )
        let (function, isExclusive, isReverse) = (function, isExclusive, isReverse)
        return try y.dataType.withNumber { type in
            func make<T: Number>(_: T.Type) -> any Step {
                CumulativeStep<T>(x, y, sizes, function, isExclusive, isReverse)
            }
            return make(type)
        }
    }
}

private final class CumulativeStep<T: Number>: Step {
    private let (x, y): (Operand, Operand)
    private let (outer, count, inner): (Int, Int, Int)
    private let function: BinaryFunction
    private let (isExclusive, isReverse): (Bool, Bool)

    init(
        _ x: Operand, _ y: Operand, _ sizes: (Int, Int, Int), _ function: BinaryFunction,
        _ isExclusive: Bool, _ isReverse: Bool
    ) {
        (self.x, self.y, self.function) = (x, y, function)
        (outer, count, inner) = sizes
        (self.isExclusive, self.isReverse) = (isExclusive, isReverse)
    }

    @_specialize(where T == Float)
    @_specialize(where T == Double)
    @_specialize(where T == Int64)
    func run(_ workspace: Workspace) {
        let source = workspace.span(x, as: T.self)
        var target = workspace.mutableSpan(y, as: T.self)
        let first = function == .add ? T.zero : T.one
        for block in 0..<outer {
            for column in 0..<inner {
                var running = first
                for step in 0..<count {
                    let index = isReverse ? count - 1 - step : step
                    let place = (block * count + index) * inner + column
                    let next = function(running, source[place])
                    target[place] = isExclusive ? running : next
                    running = next
                }
            }
        }
    }
}
