import Glibc
import Kernels
import Primitives

/// What a reduction makes of many elements.
enum Reduction: Sendable {
    case sum, mean, maximum, minimum, product
    case sumOfSquares, l1, l2
    /// The logarithm of the sum, and of the sum of exponentials.
    case logSum, logSumExp
}

/// The standard's reductions: one value from all elements along some axes. Sums are kept in float64
/// or int64 and rounded once; nothing sums to 0, multiplies to 1, and has -inf as its maximum.
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
        let isOrder = reduction == .maximum || reduction == .minimum
        let type = try inputs.dataType(
            0, oneOf: DataType.numbers + (isOrder ? [.bool] : []), "its input")
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
        if y.dataType == .float32, reduction == .sum || reduction == .mean,
            let sizes = Self.columnSizes(x.shape, isReduced), sizes.rows > 0
        {
            return ColumnSumStep(x, y, sizes, isMean: reduction == .mean)
        }
        if y.dataType == .bool { return ReduceStep<UInt8>(x, y, reduction, outer, inner, count) }
        return try y.dataType.withNumber { type in
            func make<T: Number>(_: T.Type) -> any Step {
                ReduceStep<T>(x, y, reduction, outer, inner, count)
            }
            return make(type)
        }
    }

    /// Stacks, rows and columns, where the rows are what is reduced: [stacks…, rows…, columns…].
    private static func columnSizes(
        _ shape: [Int], _ isReduced: [Bool]
    ) -> (stacks: Int, rows: Int, columns: Int)? {
        guard let first = isReduced.firstIndex(of: true), let last = isReduced.lastIndex(of: true),
            isReduced[first...last].allSatisfy({ $0 }), last + 1 < shape.count
        else { return nil }
        let columns = shape[(last + 1)...].reduce(1, *)
        guard columns > 1 else { return nil }
        return (shape[..<first].reduce(1, *), shape[first...last].reduce(1, *), columns)
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

/// Sums or means down the columns of float32 matrices, added in float32 row by row: in the order and
/// precision of ONNX Runtime, whose bits some models' variances (mean of squares less square of mean)
/// depend on.
private final class ColumnSumStep: Step {
    private let (x, y): (Operand, Operand)
    private let (stacks, rows, columns): (Int, Int, Int)
    private let isMean: Bool

    init(
        _ x: Operand, _ y: Operand, _ sizes: (stacks: Int, rows: Int, columns: Int), isMean: Bool
    ) {
        (self.x, self.y, self.isMean) = (x, y, isMean)
        (stacks, rows, columns) = sizes
    }

    func run(_ workspace: Workspace) {
        let source = workspace.span(x, as: Float.self)
        for stack in 0..<stacks {
            let place = stack * columns
            var target = workspace.mutableSpan(
                y, as: Float.self, range: place..<place + columns)
            let start = stack * rows * columns
            for column in 0..<columns { target[column] = source[start + column] }
            for row in 1..<rows {
                let from = start + row * columns
                KernelSet.best.binary(
                    .add, inPlace: &target, b: source.extracting(from..<from + columns))
            }
            guard isMean else { continue }
            let divisor = Float(rows)
            for column in 0..<columns { target[column] /= divisor }
        }
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

    @_specialize(where T == Float)
    @_specialize(where T == Double)
    @_specialize(where T == Int64)
    @_specialize(where T == Int32)
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
        switch reduction {
        case .maximum:
            return order(source, start, isBool: y.dataType == .bool) { T.greater($0, $1) }
        case .minimum: return order(source, start, isBool: y.dataType == .bool) { T.lesser($0, $1) }
        case .sum: return T.narrow(sum(source, start) { $0 })
        case .mean:
            let total = sum(source, start) { $0 }
            return T.narrow(total.divided(by: count))
        case .product:
            return T.narrow(fold(source, start, T.Wide.one) { T.Wide.product($0, $1) })
        case .sumOfSquares: return T.narrow(sum(source, start) { T.Wide.product($0, $0) })
        case .l1: return T.narrow(sum(source, start) { $0.magnitudeValue })
        case .l2:
            return T.real(sum(source, start) { T.Wide.product($0, $0) }.real.squareRoot())
        case .logSum: return T.real(log(sum(source, start) { $0 }.real))
        case .logSumExp:
            var highest = -Double.infinity
            visit(source, start) { highest = max(highest, $0.real) }
            guard highest.isFinite else { return T.real(highest) }
            var total = 0.0
            visit(source, start) { total += exp($0.real - highest) }
            return T.real(highest + log(total))
        }
    }

    @inline(__always)
    private func visit(_ source: Span<T>, _ start: Int, _ body: (T) -> Void) {
        var position = StridedLoop.Position()
        for _ in 0..<inner.outerCount {
            for index in 0..<inner.innerCount {
                body(source[start + position.offsetA + index * inner.innerStrideA])
            }
            position.advance(inner)
        }
    }

    @inline(__always)
    private func fold(
        _ source: Span<T>, _ start: Int, _ first: T.Wide, _ combine: (T.Wide, T.Wide) -> T.Wide
    ) -> T.Wide {
        var result = first
        visit(source, start) { result = combine(result, $0.wide) }
        return result
    }

    @inline(__always)
    private func sum(_ source: Span<T>, _ start: Int, _ map: (T.Wide) -> T.Wide) -> T.Wide {
        fold(source, start, T.Wide.zero) { T.Wide.sum($0, map($1)) }
    }

    /// The greatest or least; for nothing, the end of the type's range.
    @inline(__always)
    private func order(
        _ source: Span<T>, _ start: Int, isBool: Bool, _ choose: (T, T) -> T
    ) -> T {
        var result = reduction == .maximum ? T.lowest : T.highest
        if isBool { result = reduction == .maximum ? T.zero : T.one }
        var isFirst = true
        visit(source, start) { value in
            result = isFirst ? value : choose(result, value)
            isFirst = false
        }
        return result
    }
}
