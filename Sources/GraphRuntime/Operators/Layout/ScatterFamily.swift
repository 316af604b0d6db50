import Primitives

/// What a scattered update does to the element that is there.
enum ScatterReduction: String, Sendable {
    case none, add, mul, max, min

    init(_ context: OperatorContext, since version: Int) throws(OperatorFailure) {
        let name = context.version >= version ? try context.string("reduction") ?? "none" : "none"
        guard let value = ScatterReduction(rawValue: name) else {
            throw OperatorFailure("the reduction '\(name)' is not known")
        }
        self = value
    }

    @inline(__always)
    func combine<T: Number>(_ old: T, _ new: T) -> T {
        switch self {
        case .none: new
        case .add: T.sum(old, new)
        case .mul: T.product(old, new)
        case .max: T.greater(old, new)
        case .min: T.lesser(old, new)
        }
    }
}

/// ONNX `ScatterElements` (and the older `Scatter`): a copy of its input in which elements along an
/// axis are replaced by updates, or combined with them, in the order of the updates.
final class ScatterElementsOperator: Operator {
    private let axis: Int
    private let reduction: ScatterReduction

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(3)
        try context.requireOutputs(1)
        axis = try context.int("axis", default: 0)
        reduction = try ScatterReduction(context, since: 16)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        _ = try inputs.dataType(1, oneOf: [.int64, .int32], "its index input")
        try inputs.requireSameType(0, 2)
        let (shape, indices) = (inputs[0].shape, inputs[1].shape)
        guard let axis = Shape.axis(axis, rank: shape.count), indices.count == shape.count,
            inputs[2].shape == indices,
            shape.indices.allSatisfy({ $0 == axis || indices[$0] <= shape[$0] })
        else {
            throw OperatorFailure(
                "indices \(Shape.text(indices)) and updates \(Shape.text(inputs[2].shape)) do not "
                    + "fit \(Shape.text(shape)) along axis \(self.axis)")
        }
        return [ValueInfo(inputs[0].dataType, shape)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let (x, indices, updates, y) = (inputs[0], inputs[1], inputs[2], outputs[0])
        guard let axis = Shape.axis(axis, rank: x.shape.count) else {
            throw OperatorFailure("its axis is outside of the shape")
        }
        let walk = AxisWalk(shape: indices.shape, strides: Shape.strides(x.shape), axis: axis)
        let size = x.shape[axis]
        let copy = CopyStep(x, y)
        let place: UpdateStep.Place = { update, workspace throws(OperatorFailure) in
            let index = try workspace.index(indices, update, count: size)
            return walk.base(update) + index * walk.axisStride
        }
        return StepList([
            copy, try UpdateStep.make(updates, y, updates.count, 1, reduction, place),
        ])
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int { 0 }
}

/// ONNX `ScatterND`: a copy of its input in which slices named by tuples of indices are replaced by
/// updates, or combined with them.
final class ScatterNDOperator: Operator {
    private let reduction: ScatterReduction

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(3)
        try context.requireOutputs(1)
        reduction = try ScatterReduction(context, since: 16)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        _ = try inputs.dataType(1, oneOf: [.int64, .int32], "its index input")
        try inputs.requireSameType(0, 2)
        let (shape, indices) = (inputs[0].shape, inputs[1].shape)
        guard let depth = indices.last, depth >= 1, depth <= shape.count,
            inputs[2].shape == Array(indices.dropLast() + shape[depth...])
        else {
            throw OperatorFailure(
                "indices \(Shape.text(indices)) and updates \(Shape.text(inputs[2].shape)) do not "
                    + "fit \(Shape.text(shape))")
        }
        return [ValueInfo(inputs[0].dataType, shape)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let (x, indices, updates, y) = (inputs[0], inputs[1], inputs[2], outputs[0])
        let tuples = IndexTuples(x.shape, indices.shape)
        let place: UpdateStep.Place = { update, workspace throws(OperatorFailure) in
            try tuples.offset(update, indices, workspace)
        }
        return StepList([
            CopyStep(x, y),
            try UpdateStep.make(updates, y, tuples.count, tuples.sliceCount, reduction, place),
        ])
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int { 0 }
}

/// Writes updates of `width` elements into a target, each where a function says.
enum UpdateStep {
    typealias Place = @Sendable (Int, Workspace) throws(OperatorFailure) -> Int

    static func make(
        _ updates: Operand, _ y: Operand, _ count: Int, _ width: Int,
        _ reduction: ScatterReduction, _ place: @escaping Place
    ) throws(OperatorFailure) -> any Step {
        if reduction == .none { return Replace(updates, y, count, width, place) }
        return try y.dataType.withNumber { type in
            func make<T: Number>(_: T.Type) -> any Step {
                Combine<T>(updates, y, count, width, reduction, place)
            }
            return make(type)
        }
    }

    private final class Replace: Step {
        private let (updates, y): (Operand, Operand)
        private let (count, width): (Int, Int)
        private let place: Place

        init(
            _ updates: Operand, _ y: Operand, _ count: Int, _ width: Int, _ place: @escaping Place
        ) {
            (self.updates, self.y, self.count, self.width) = (updates, y, count, width)
            self.place = place
        }

        func run(_ workspace: Workspace) throws(OperatorFailure) {
            for update in 0..<count {
                let target = try place(update, workspace)
                workspace.copyElements(updates, update * width, to: y, target, count: width)
            }
        }
    }

    private final class Combine<T: Number>: Step {
        private let (updates, y): (Operand, Operand)
        private let (count, width): (Int, Int)
        private let reduction: ScatterReduction
        private let place: Place

        init(
            _ updates: Operand, _ y: Operand, _ count: Int, _ width: Int,
            _ reduction: ScatterReduction, _ place: @escaping Place
        ) {
            (self.updates, self.y, self.count, self.width) = (updates, y, count, width)
            (self.reduction, self.place) = (reduction, place)
        }

        @_specialize(where T == Float)
        @_specialize(where T == Double)
        @_specialize(where T == Int64)
        func run(_ workspace: Workspace) throws(OperatorFailure) {
            for update in 0..<count {
                let target = try place(update, workspace)
                let source = workspace.span(updates, as: T.self)
                var values = workspace.mutableSpan(y, as: T.self)
                for offset in 0..<width {
                    values[target + offset] = reduction.combine(
                        values[target + offset], source[update * width + offset])
                }
            }
        }
    }
}
