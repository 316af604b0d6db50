import Primitives

/// ONNX `Where`: elements of its second input where the first is true, of its third elsewhere;
/// all three are broadcast.
final class WhereOperator: Operator {
    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(3)
        try context.requireOutputs(1)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        _ = try inputs.dataType(0, oneOf: [.bool], "its condition")
        try inputs.requireSameType(1, 2)
        guard let pair = Shape.broadcast(inputs[1].shape, inputs[2].shape),
            let shape = Shape.broadcast(inputs[0].shape, pair)
        else {
            let shapes = (0..<3).map { Shape.text(inputs[$0].shape) }.joined(separator: ", ")
            throw OperatorFailure("shapes \(shapes) cannot be broadcast together")
        }
        return [ValueInfo(inputs[1].dataType, shape)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        // Two walks: the second input's elements first, then the third's where the condition fails.
        let (condition, y) = (inputs[0], outputs[0])
        let first = try PairPlaces(condition, inputs[1], y)
        let second = try PairPlaces(condition, inputs[2], y)
        if y.dataType == .string {
            return StepList([
                StringChoiceStep(first, wanted: 1), StringChoiceStep(second, wanted: 0),
            ])
        }
        return y.dataType.withWord { type in
            func make<T: Word>(_: T.Type) -> any Step {
                StepList([
                    ChoiceStep<T>(first, wanted: 1), ChoiceStep<T>(second, wanted: 0),
                ])
            }
            return make(type)
        }
    }
}

/// y = b wherever a has the wanted value.
private final class ChoiceStep<T: Word>: Step {
    private let places: PairPlaces
    private let wanted: UInt8

    init(_ places: PairPlaces, wanted: UInt8) { (self.places, self.wanted) = (places, wanted) }

    @_specialize(where T == UInt8)
    @_specialize(where T == UInt16)
    @_specialize(where T == UInt32)
    @_specialize(where T == UInt64)
    func run(_ workspace: Workspace) {
        let condition = workspace.span(places.a, as: UInt8.self)
        let source = workspace.span(places.b, as: T.self)
        var target = workspace.mutableSpan(places.y, as: T.self)
        let loop = places.loop
        var position = StridedLoop.Position()
        var place = 0
        for _ in 0..<loop.outerCount {
            var (i, j) = (position.offsetA, position.offsetB)
            for _ in 0..<loop.innerCount {
                if condition[i] == wanted { target[place] = source[j] }
                place += 1
                i += loop.innerStrideA
                j += loop.innerStrideB
            }
            position.advance(loop)
        }
    }
}

private final class StringChoiceStep: Step {
    private let places: PairPlaces
    private let wanted: UInt8

    init(_ places: PairPlaces, wanted: UInt8) { (self.places, self.wanted) = (places, wanted) }

    func run(_ workspace: Workspace) {
        let condition = workspace.span(places.a, as: UInt8.self)
        let loop = places.loop
        var position = StridedLoop.Position()
        var place = 0
        for _ in 0..<loop.outerCount {
            var (i, j) = (position.offsetA, position.offsetB)
            for _ in 0..<loop.innerCount {
                if condition[i] == wanted {
                    workspace.setString(places.y, place, workspace.string(places.b, j))
                }
                place += 1
                i += loop.innerStrideA
                j += loop.innerStrideB
            }
            position.advance(loop)
        }
    }
}
