import Kernels
import Primitives

/// What a reduction makes of many elements.
enum Reduction: Sendable {
    case sum, mean, maximum, minimum
}

/// ReduceSum, ReduceMean, ReduceMax, ReduceMin: one value from all elements along some axes.
///
/// The axes are an attribute before a version (13 for ReduceSum, 18 for the others), an input since.
final class ReduceOperator: Operator {
    private let reduction: Reduction
    private let axes: [Int]?
    private let hasAxesInput: Bool
    private let keepsDimensions: Bool
    private let emptyMeansNothing: Bool

    init(
        _ context: OperatorContext, _ reduction: Reduction, inputSince version: Int
    ) throws(OperatorFailure) {
        let isInput = context.version >= version
        try context.requireInputs(1, max: isInput ? 2 : 1)
        try context.requireOutputs(1)
        self.reduction = reduction
        axes = isInput ? nil : try context.ints("axes")
        hasAxesInput = isInput && context.hasInput(1)
        keepsDimensions = try context.flag("keepdims", default: true)
        emptyMeansNothing =
            isInput ? try context.flag("noop_with_empty_axes", default: false) : false
    }

    /// Which dimensions are reduced.
    private func reduced(
        _ shape: [Int], _ given: [Int]?
    ) throws(OperatorFailure) -> [Bool] {
        guard let given, !given.isEmpty else {
            return Array(repeating: !emptyMeansNothing, count: shape.count)
        }
        var result = Array(repeating: false, count: shape.count)
        for axis in given {
            guard let index = Shape.axis(axis, rank: shape.count) else {
                throw OperatorFailure("axis \(axis) is outside of the shape \(Shape.text(shape))")
            }
            result[index] = true
        }
        return result
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let type = try inputs.dataType(0, oneOf: DataType.numbers, "its input")
        let given = hasAxesInput ? try inputs.integers(1, "its axes") : axes
        let shape = inputs[0].shape
        let isReduced = try reduced(shape, given)
        var result: [Int] = []
        for index in shape.indices {
            if !isReduced[index] {
                result.append(shape[index])
            } else if keepsDimensions {
                result.append(1)
            }
            if isReduced[index], shape[index] == 0, reduction != .sum {
                throw OperatorFailure("there is nothing to reduce in \(Shape.text(shape))")
            }
        }
        return [ValueInfo(type, result)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let (x, y) = (inputs[0], outputs[0])
        let given = inputs.optional(1)?.tensor?.integers ?? axes
        let isReduced = try reduced(x.shape, given)
        let strides = Shape.strides(x.shape)
        let kept = x.shape.indices.filter { !isReduced[$0] }
        let gone = x.shape.indices.filter { isReduced[$0] }
        let outer = StridedLoop(
            shape: kept.map { x.shape[$0] }, stridesA: kept.map { strides[$0] },
            stridesB: kept.map { strides[$0] })
        let inner = StridedLoop(
            shape: gone.map { x.shape[$0] }, stridesA: gone.map { strides[$0] },
            stridesB: gone.map { strides[$0] })
        guard let outer, let inner else { throw OperatorFailure("it has too many dimensions") }
        let count = gone.reduce(1) { $0 * x.shape[$1] }
        let reduction = reduction
        if y.dataType == .float32, reduction == .sum || reduction == .mean, inner.outerCount == 1,
            inner.innerStrideA == 1, count > 0, outer.outerCount == 1,
            outer.innerStrideA == count || y.count == 1
        {
            return RowSumStep(x, y, columns: count, isMean: reduction == .mean)
        }
        return try y.dataType.withNumber { type in
            func make<T: Number>(_: T.Type) -> any Step {
                ReduceStep<T>(x, y, reduction, outer, inner, count)
            }
            return make(type)
        }
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        inputs[0].shape.reduce(1, *)
    }
}

/// Sums or means of whole rows of float32.
private final class RowSumStep: Step {
    private let (x, y): (Operand, Operand)
    private let columns: Int
    private let isMean: Bool

    init(_ x: Operand, _ y: Operand, columns: Int, isMean: Bool) {
        (self.x, self.y, self.columns, self.isMean) = (x, y, columns, isMean)
    }

    func run(_ workspace: Workspace) {
        let source = workspace.span(x, as: Float.self)
        var target = workspace.mutableSpan(y, as: Float.self)
        KernelSet.best.rowSums(source, rows: y.count, columns: columns, y: &target)
        guard isMean else { return }
        let divisor = Float(columns)
        for index in target.indices { target[index] /= divisor }
    }
}

private final class ReduceStep<T: Number>: Step {
    private let (x, y): (Operand, Operand)
    private let reduction: Reduction
    private let (outer, inner): (StridedLoop, StridedLoop)
    private let count: Int

    init(
        _ x: Operand, _ y: Operand, _ reduction: Reduction, _ outer: StridedLoop,
        _ inner: StridedLoop, _ count: Int
    ) {
        (self.x, self.y, self.reduction) = (x, y, reduction)
        (self.outer, self.inner, self.count) = (outer, inner, count)
    }

    func run(_ workspace: Workspace) {
        let source = workspace.span(x, as: T.self)
        var target = workspace.mutableSpan(y, as: T.self)
        var position = StridedLoop.Position()
        var place = 0
        for _ in 0..<outer.outerCount {
            for index in 0..<outer.innerCount {
                let start = position.offsetA + index * outer.innerStrideA
                target[place] = reduce(source, start)
                place += 1
            }
            position.advance(outer)
        }
    }

    private func reduce(_ source: Span<T>, _ start: Int) -> T {
        var result = T.zero
        var isFirst = reduction == .maximum || reduction == .minimum
        var position = StridedLoop.Position()
        for _ in 0..<inner.outerCount {
            for index in 0..<inner.innerCount {
                let value = source[start + position.offsetA + index * inner.innerStrideA]
                if isFirst {
                    result = value
                    isFirst = false
                } else {
                    switch reduction {
                    case .sum, .mean: result = T.sum(result, value)
                    case .maximum: result = T.greater(result, value)
                    case .minimum: result = T.lesser(result, value)
                    }
                }
            }
            position.advance(inner)
        }
        return reduction == .mean ? result.divided(by: count) : result
    }
}
