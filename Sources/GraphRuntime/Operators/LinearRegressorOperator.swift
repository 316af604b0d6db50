import Kernels
import Primitives

/// ai.onnx.ml `LinearRegressor`: x · coefficientsᵀ + intercepts, transformed.
final class LinearRegressorOperator: Operator {
    private let weights: PackedMatrix
    private let intercepts: Tensor
    private let transform: PostTransform

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        transform = try PostTransform(context)
        let count = try context.int("targets", default: 1)
        let coefficients = try context.floats("coefficients") ?? []
        guard count > 0, !coefficients.isEmpty, coefficients.count % count == 0 else {
            throw OperatorFailure(
                "its \(coefficients.count) coefficients are not a row for each of \(count) targets")
        }
        let given = try context.floats("intercepts") ?? []
        guard given.isEmpty || given.count == count else {
            throw OperatorFailure("it has \(given.count) intercepts for \(count) targets")
        }
        let columns = coefficients.count / count
        weights = PackedMatrix(packing: coefficients.span, k: columns, n: count, transposed: true)
        intercepts = Tensor(
            .float32, shape: [count], given.isEmpty ? Array(repeating: 0, count: count) : given)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        _ = try inputs.dataType(0, oneOf: FloatInput.types, "its input")
        let (rows, _) = try inputs.matrix(0, columns: weights.k)
        return [ValueInfo(.float32, [rows, weights.n])]
    }

    func scratch(_ inputs: Inputs, _ outputs: [ValueInfo]) -> [ValueInfo] {
        FloatInput.scratch(inputs[0])
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        LinearRegressorStep(
            FloatInput.Scratch(inputs[0], outputs.scratch).input, outputs[0], weights,
            Operand(intercepts), transform)
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        2 &* inputs[0].shape.reduce(1, *) &* weights.n
    }
}

private final class LinearRegressorStep: Step {
    private let x: FloatInput
    private let (y, intercepts): (Operand, Operand)
    private let weights: PackedMatrix
    private let transform: PostTransform

    init(
        _ x: FloatInput, _ y: Operand, _ weights: PackedMatrix, _ intercepts: Operand,
        _ transform: PostTransform
    ) {
        (self.x, self.y, self.weights) = (x, y, weights)
        (self.intercepts, self.transform) = (intercepts, transform)
    }

    func run(_ workspace: Workspace) throws(OperatorFailure) {
        try x.convert(workspace)
        let source = workspace.span(x.operand, as: Float.self)
        let offsets = workspace.span(intercepts, as: Float.self)
        var target = workspace.mutableSpan(y, as: Float.self)
        let rows = y.shape[0]
        KernelSet.best.gemm(a: source, m: rows, b: weights, bias: offsets, c: &target)
        transform.apply(&target, rows: rows, columns: weights.n)
    }
}
