import Glibc
import Kernels
import Primitives

/// Softmax and LogSoftmax. Before opset 13 the input is seen as a matrix, rows in front of `axis`
/// and columns from there on; since 13 only `axis` itself is normalised.
final class SoftmaxFamily: Operator {
    private let axis: Int
    private let isLogarithm: Bool
    private let flattens: Bool

    init(_ context: OperatorContext, isLogarithm: Bool) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        self.isLogarithm = isLogarithm
        flattens = context.version < 13
        axis = try context.int("axis", default: flattens ? 1 : -1)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let type = try inputs.dataType(0, oneOf: [.float32, .float64], "its input")
        _ = try sizes(inputs[0].shape)
        return [ValueInfo(type, inputs[0].shape)]
    }

    /// The input as outer × count × inner, normalised over the middle.
    private func sizes(_ shape: [Int]) throws(OperatorFailure) -> (Int, Int, Int) {
        if flattens, axis == shape.count { return (shape.reduce(1, *), 1, 1) }
        guard let axis = Shape.axis(axis, rank: shape.count) else {
            throw OperatorFailure(
                "its axis \(self.axis) is outside of the shape \(Shape.text(shape))")
        }
        let outer = shape[..<axis].reduce(1, *)
        if flattens { return (outer, shape[axis...].reduce(1, *), 1) }
        return (outer, shape[axis], shape[(axis + 1)...].reduce(1, *))
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let sizes = try sizes(inputs[0].shape)
        let (x, y) = (inputs[0], outputs[0])
        if x.dataType == .float32, sizes.2 == 1 {
            return SoftmaxRowsStep(x, y, rows: sizes.0, columns: sizes.1, isLogarithm)
        }
        if x.dataType == .float32 { return SoftmaxStep<Float>(x, y, sizes, isLogarithm) }
        return SoftmaxStep<Double>(x, y, sizes, isLogarithm)
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        5 &* inputs[0].shape.reduce(1, *)
    }
}

private final class SoftmaxRowsStep: PartedStep {
    private let (x, y): (Operand, Operand)
    private let (rows, columns): (Int, Int)
    private let isLogarithm: Bool

    init(_ x: Operand, _ y: Operand, rows: Int, columns: Int, _ isLogarithm: Bool) {
        (self.x, self.y) = (x, y)
        (self.rows, self.columns) = (rows, columns)
        self.isLogarithm = isLogarithm
    }

    func partCount(phase: Int, lanes: Int) -> Int {
        min(
            max(rows, 1), Parting.count(work: 40 * x.count, partMin: Parting.bytesMin, lanes: lanes)
        )
    }

    func run(phase: Int, part: Int, of parts: Int, _ workspace: Workspace) {
        let range = Parting.range(rows, part: part, of: parts)
        let values = range.lowerBound * columns..<range.upperBound * columns
        let source = workspace.span(x, as: Float.self).extracting(values)
        var target = workspace.mutableSpan(y, as: Float.self, range: values)
        if isLogarithm {
            KernelSet.best.logSoftmax(source, rows: range.count, columns: columns, y: &target)
        } else {
            KernelSet.best.softmax(source, rows: range.count, columns: columns, y: &target)
        }
    }
}

/// Any axis, any float type, through the C library.
private final class SoftmaxStep<T: Number & BinaryFloatingPoint>: Step {
    private let (x, y): (Operand, Operand)
    private let (outer, count, inner): (Int, Int, Int)
    private let isLogarithm: Bool

    init(_ x: Operand, _ y: Operand, _ sizes: (Int, Int, Int), _ isLogarithm: Bool) {
        (self.x, self.y) = (x, y)
        (outer, count, inner) = sizes
        self.isLogarithm = isLogarithm
    }

    @_specialize(where T == Float)
    @_specialize(where T == Double)
    func run(_ workspace: Workspace) {
        let source = workspace.span(x, as: T.self)
        var target = workspace.mutableSpan(y, as: T.self)
        for block in 0..<outer {
            for column in 0..<inner {
                normalize(source, &target, start: block * count * inner + column)
            }
        }
    }

    private func normalize(_ source: Span<T>, _ target: inout MutableSpan<T>, start: Int) {
        var highest = -T.infinity
        for index in 0..<count { highest = T.greater(source[start + index * inner], highest) }
        var sum = 0.0
        for index in 0..<count { sum += exp(Double(source[start + index * inner] - highest)) }
        for index in 0..<count {
            let place = start + index * inner
            let value = Double(source[place] - highest)
            target[place] = isLogarithm ? T(value - log(sum)) : T(exp(value) / sum)
        }
    }
}
