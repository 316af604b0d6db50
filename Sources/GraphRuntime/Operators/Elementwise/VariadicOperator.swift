import Kernels
import Primitives

/// ONNX `Max`, `Min`, `Sum` and `Mean` of any number of tensors, element by element, with
/// broadcasting. Two inputs are a `BinaryOperator` where that gives the same.
final class VariadicOperator: Operator {
    private let function: BinaryFunction
    private let isMean: Bool

    @Sendable static func max(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try make(context, .maximum)
    }

    @Sendable static func min(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try make(context, .minimum)
    }

    @Sendable static func sum(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try make(context, .add)
    }

    @Sendable static func mean(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try VariadicOperator(context, .add, isMean: true)
    }

    private static func make(
        _ context: OperatorContext, _ function: BinaryFunction
    ) throws(OperatorFailure) -> any Operator {
        if context.inputCount == 2 { return try BinaryOperator(context, function) }
        return try VariadicOperator(context, function, isMean: false)
    }

    private init(
        _ context: OperatorContext, _ function: BinaryFunction, isMean: Bool
    ) throws(OperatorFailure) {
        try context.requireInputs(1, max: Int.max)
        try context.requireOutputs(1)
        for index in 0..<context.inputCount where !context.hasInput(index) {
            throw OperatorFailure("its input \(index) is left out")
        }
        (self.function, self.isMean) = (function, isMean)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let type = try inputs.dataType(0, oneOf: DataType.numbers, "its first input")
        var shape = inputs[0].shape
        for index in 1..<Swift.max(inputs.count, 1) {
            try inputs.requireSameType(0, index)
            guard let wider = Shape.broadcast(shape, inputs[index].shape) else {
                let other = Shape.text(inputs[index].shape)
                throw OperatorFailure(
                    "shapes \(Shape.text(shape)) and \(other) cannot be broadcast together")
            }
            shape = wider
        }
        return [ValueInfo(type, shape)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let y = outputs[0]
        let parts = inputs.list.compactMap { $0 }
        var places: [PairPlaces] = []
        for part in parts { places.append(try PairPlaces(part, part, y)) }
        let walks = places
        let (function, isMean) = (function, isMean)
        return try y.dataType.withNumber { type in
            func make<T: Number>(_: T.Type) -> any Step {
                var steps: [any Step] = []
                for (index, walk) in walks.enumerated() {
                    steps.append(
                        AccumulateStep<T>(walk, index == 0 ? nil : function))
                }
                if isMean {
                    steps.append(MapStep<T, T>(y, y) { $0.divided(by: walks.count) })
                }
                return StepList(steps)
            }
            return make(type)
        }
    }
}

/// y = function(y, a), or a copy of a.
private final class AccumulateStep<T: Number>: Step {
    private let places: PairPlaces
    private let function: BinaryFunction?

    init(_ places: PairPlaces, _ function: BinaryFunction?) {
        (self.places, self.function) = (places, function)
    }

    @_specialize(where T == Float)
    @_specialize(where T == Double)
    @_specialize(where T == Int64)
    func run(_ workspace: Workspace) {
        let source = workspace.span(places.a, as: T.self)
        var target = workspace.mutableSpan(places.y, as: T.self)
        let loop = places.loop
        var position = StridedLoop.Position()
        var place = 0
        for _ in 0..<loop.outerCount {
            var i = position.offsetA
            for _ in 0..<loop.innerCount {
                target[place] = function.map { $0(target[place], source[i]) } ?? source[i]
                place += 1
                i += loop.innerStrideA
            }
            position.advance(loop)
        }
    }
}
