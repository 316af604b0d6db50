import Primitives

/// ai.onnx.ml `ArrayFeatureExtractor`: the named columns of each row.
///
/// A vector is one row, and its result has two dimensions, as in ONNX Runtime.
final class ArrayFeatureExtractorOperator: Operator {
    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(2)
        try context.requireOutputs(1)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let shape = inputs[0].shape
        _ = try inputs.dataType(1, oneOf: [.int64], "its index input")
        let count = inputs[1].shape.reduce(1, *)
        guard !shape.isEmpty, count > 0 || inputs[1].shape.contains(0) else {
            throw OperatorFailure("its first input has no columns")
        }
        let rows = shape.count == 1 ? [1] : Array(shape.dropLast())
        return [ValueInfo(inputs[0].dataType, rows + [count])]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        let (x, indices, y) = (inputs[0], inputs[1], outputs[0])
        if x.dataType == .string { return StringColumnsStep(x, indices, y) }
        return x.dataType.withWord { type in
            func make<T: Word>(_: T.Type) -> any Step { ColumnsStep<T>(x, indices, y) }
            return make(type)
        }
    }
}

private final class ColumnsStep<T: Word>: Step {
    private let (x, indices, y): (Operand, Operand, Operand)
    private let (rows, columns): (Int, Int)

    init(_ x: Operand, _ indices: Operand, _ y: Operand) {
        (self.x, self.indices, self.y) = (x, indices, y)
        columns = x.shape.last ?? 1
        rows = x.shape.dropLast().reduce(1, *)
    }

    func run(_ workspace: Workspace) throws(OperatorFailure) {
        let source = workspace.span(x, as: T.self)
        var target = workspace.mutableSpan(y, as: T.self)
        var place = 0
        for row in 0..<rows {
            for position in 0..<indices.count {
                let column = try workspace.index(indices, position, count: columns)
                target[place] = source[row * columns + column]
                place += 1
            }
        }
    }
}

private final class StringColumnsStep: Step {
    private let (x, indices, y): (Operand, Operand, Operand)
    private let (rows, columns): (Int, Int)

    init(_ x: Operand, _ indices: Operand, _ y: Operand) {
        (self.x, self.indices, self.y) = (x, indices, y)
        columns = x.shape.last ?? 1
        rows = x.shape.dropLast().reduce(1, *)
    }

    func run(_ workspace: Workspace) throws(OperatorFailure) {
        var place = 0
        for row in 0..<rows {
            for position in 0..<indices.count {
                let column = try workspace.index(indices, position, count: columns)
                workspace.setString(y, place, workspace.string(x, row * columns + column))
                place += 1
            }
        }
    }
}
