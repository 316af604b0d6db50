import Kernels
import Primitives

/// ONNX `ArgMax` (and `ArgMin`): the index of the greatest (least) element along an axis; of equal
/// ones the first, or the last with `select_last_index`.
final class ArgMaxOperator: Operator {
    private let axis: Int
    private let keepsDimension: Bool
    private let selectsLast: Bool
    private let findsLeast: Bool

    convenience init(_ context: OperatorContext) throws(OperatorFailure) {
        try self.init(context, findsLeast: false)
    }

    init(_ context: OperatorContext, findsLeast: Bool) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        self.findsLeast = findsLeast
        axis = try context.int("axis", default: 0)
        keepsDimension = try context.flag("keepdims", default: true)
        selectsLast =
            context.version >= 12 ? try context.flag("select_last_index", default: false) : false
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        var shape = inputs[0].shape
        _ = try inputs.dataType(0, oneOf: DataType.numbers, "its input")
        guard let axis = Shape.axis(axis, rank: shape.count), shape[axis] > 0 else {
            throw OperatorFailure(
                "its axis \(self.axis) is empty or outside of the shape \(Shape.text(shape))")
        }
        if keepsDimension { shape[axis] = 1 } else { shape.remove(at: axis) }
        return [ValueInfo(.int64, shape)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let (x, y) = (inputs[0], outputs[0])
        guard let axis = Shape.axis(axis, rank: x.shape.count) else {
            throw OperatorFailure("its axis is outside of the shape")
        }
        let sizes = (
            x.shape[..<axis].reduce(1, *), x.shape[axis], x.shape[(axis + 1)...].reduce(1, *)
        )
        if x.dataType == .float32, sizes.2 == 1, !selectsLast, !findsLeast {
            return ArgMaxRowsStep(x, y, rows: sizes.0, columns: sizes.1)
        }
        let (last, least) = (selectsLast, findsLeast)
        return try x.dataType.withNumber { type in
            func make<T: Number>(_: T.Type) -> any Step { ArgMaxStep<T>(x, y, sizes, last, least) }
            return make(type)
        }
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        inputs[0].shape.reduce(1, *)
    }
}

private final class ArgMaxRowsStep: Step {
    private let (x, y): (Operand, Operand)
    private let (rows, columns): (Int, Int)

    init(_ x: Operand, _ y: Operand, rows: Int, columns: Int) {
        (self.x, self.y, self.rows, self.columns) = (x, y, rows, columns)
    }

    func run(_ workspace: Workspace) {
        let source = workspace.span(x, as: Float.self)
        var target = workspace.mutableSpan(y, as: Int64.self)
        KernelSet.best.argmax(source, rows: rows, columns: columns, y: &target)
    }
}

private final class ArgMaxStep<T: Number>: Step {
    private let (x, y): (Operand, Operand)
    private let (outer, count, inner): (Int, Int, Int)
    private let (selectsLast, findsLeast): (Bool, Bool)

    init(
        _ x: Operand, _ y: Operand, _ sizes: (Int, Int, Int), _ selectsLast: Bool,
        _ findsLeast: Bool
    ) {
        (self.x, self.y) = (x, y)
        (outer, count, inner) = sizes
        (self.selectsLast, self.findsLeast) = (selectsLast, findsLeast)
    }

    @_specialize(where T == Float)
    @_specialize(where T == Double)
    @_specialize(where T == Int64)
    func run(_ workspace: Workspace) {
        let source = workspace.span(x, as: T.self)
        var target = workspace.mutableSpan(y, as: Int64.self)
        for block in 0..<outer {
            for column in 0..<inner {
                let start = block * count * inner + column
                target[block * inner + column] = Int64(best(source, start))
            }
        }
    }

    private func best(_ source: Span<T>, _ start: Int) -> Int {
        var best = 0
        for index in 1..<max(count, 1) {
            let value = source[start + index * inner]
            let current = source[start + best * inner]
            let wins = findsLeast ? value < current : value > current
            if wins || (selectsLast && value == current) || (current.isMissing && !value.isMissing)
            {
                best = index
            }
        }
        return best
    }
}
