import Primitives

/// ONNX `Transpose`: dimensions in another order; by default, reversed.
final class TransposeOperator: Operator {
    private let permutation: [Int]?

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        permutation = try context.ints("perm")
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let shape = inputs[0].shape
        let order = permutation ?? Array(shape.indices.reversed())
        guard order.sorted() == Array(shape.indices) else {
            throw OperatorFailure(
                "its order \(Shape.text(order)) does not fit the shape \(Shape.text(shape))")
        }
        return [ValueInfo(inputs[0].dataType, order.map { shape[$0] })]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let order = permutation ?? Array(inputs[0].shape.indices.reversed())
        return try Self.step(inputs[0], outputs[0], order: order)
    }

    /// The step that moves x's dimensions, in this order, to y.
    static func step(
        _ x: Operand, _ y: Operand, order: [Int]
    ) throws(OperatorFailure) -> any Step {
        let strides = Shape.strides(x.shape)
        let loop = StridedLoop(
            shape: y.shape, stridesA: order.map { strides[$0] },
            stridesB: Shape.strides(y.shape))
        guard let loop else { throw OperatorFailure("it has too many dimensions") }
        if y.dataType == .string { return StringTransposeStep(x, y, loop) }
        return y.dataType.withWord { type in
            func make<T: Word>(_: T.Type) -> any Step { TransposeStep<T>(x, y, loop) }
            return make(type)
        }
    }
}

private final class TransposeStep<T: Word>: Step {
    private let (x, y): (Operand, Operand)
    private let loop: StridedLoop

    init(_ x: Operand, _ y: Operand, _ loop: StridedLoop) {
        (self.x, self.y) = (x, y)
        self.loop = loop
    }

    @_specialize(where T == UInt8)
    @_specialize(where T == UInt16)
    @_specialize(where T == UInt32)
    @_specialize(where T == UInt64)
    func run(_ workspace: Workspace) {
        let source = workspace.span(x, as: T.self)
        var target = workspace.mutableSpan(y, as: T.self)
        var position = StridedLoop.Position()
        var place = 0
        for _ in 0..<loop.outerCount {
            var from = position.offsetA
            for _ in 0..<loop.innerCount {
                target[place] = source[from]
                place += 1
                from += loop.innerStrideA
            }
            position.advance(loop)
        }
    }
}

private final class StringTransposeStep: Step {
    private let (x, y): (Operand, Operand)
    private let loop: StridedLoop

    init(_ x: Operand, _ y: Operand, _ loop: StridedLoop) {
        (self.x, self.y) = (x, y)
        self.loop = loop
    }

    func run(_ workspace: Workspace) {
        var position = StridedLoop.Position()
        var place = 0
        for _ in 0..<loop.outerCount {
            for index in 0..<loop.innerCount {
                let from = position.offsetA + index * loop.innerStrideA
                workspace.setString(y, place, workspace.string(x, from))
                place += 1
            }
            position.advance(loop)
        }
    }
}
