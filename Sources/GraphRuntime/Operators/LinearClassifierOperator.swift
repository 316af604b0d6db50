import Kernels
import Primitives

/// ai.onnx.ml `LinearClassifier`: scores x · coefficientsᵀ + intercepts, transformed, and the label
/// of the highest. One score with two labels is a yes-or-no model: its second score is made up
/// from the first, and the label is the sign.
final class LinearClassifierOperator: Operator {
    private let weights: PackedMatrix
    private let intercepts: Tensor
    private let labels: LabelWriter
    private let transform: PostTransform
    /// Whether one score becomes two.
    private let addsClass: Bool
    private let givesScores: Bool

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1, max: 2)
        transform = try PostTransform(context)
        labels = try LabelWriter(
            context, integers: "classlabels_ints", strings: "classlabels_strings")
        // ONNX Runtime does not look at it either.
        context.ignore("multi_class")
        let coefficients = try context.floats("coefficients") ?? []
        let count = try context.floats("intercepts")?.count ?? max(labels.count, 1)
        let offsets = try context.floats("intercepts") ?? Array(repeating: 0, count: count)
        guard count > 0, !coefficients.isEmpty, coefficients.count % count == 0 else {
            throw OperatorFailure(
                "its \(coefficients.count) coefficients are not a row for each of \(count) classes")
        }
        guard count == 1 || labels.count >= count else {
            throw OperatorFailure("it has \(labels.count) labels for \(count) classes")
        }
        let columns = coefficients.count / count
        weights = PackedMatrix(
            packing: coefficients.span, k: columns, n: count, transposed: true)
        intercepts = Tensor(.float32, shape: [count], offsets)
        addsClass = count == 1 && labels.count == 2
        givesScores = context.hasOutput(1)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        _ = try inputs.dataType(0, oneOf: FloatInput.types, "its input")
        let (rows, _) = try inputs.matrix(0, columns: weights.k)
        return [
            ValueInfo(labels.dataType, [rows]),
            ValueInfo(.float32, [rows, addsClass ? 2 : weights.n]),
        ]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let scratch = FloatInput.Scratch(inputs[0], outputs.scratch)
        guard let scores = outputs.optional(1) ?? scratch.rest.first else {
            throw OperatorFailure("it has no place for its scores")
        }
        return LinearClassifierStep(
            scratch.input, outputs.optional(0), scores, weights, Operand(intercepts),
            weights.n == 1 ? labels.binary : labels, transform, addsClass: addsClass)
    }

    func scratch(_ inputs: Inputs, _ outputs: [ValueInfo]) -> [ValueInfo] {
        let rows = inputs[0].shape.count == 1 ? 1 : inputs[0].shape[0]
        let scores = ValueInfo(.float32, [rows, addsClass ? 2 : weights.n])
        return FloatInput.scratch(inputs[0]) + (givesScores ? [] : [scores])
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        2 &* inputs[0].shape.reduce(1, *) &* weights.n
    }
}

private final class LinearClassifierStep: Step {
    private let x: FloatInput
    private let label: Operand?
    private let scores: Operand
    private let weights: PackedMatrix
    private let intercepts: Operand
    private let labels: LabelWriter
    private let transform: PostTransform
    private let addsClass: Bool
    private let rows: Int

    init(
        _ x: FloatInput, _ label: Operand?, _ scores: Operand, _ weights: PackedMatrix,
        _ intercepts: Operand, _ labels: LabelWriter, _ transform: PostTransform, addsClass: Bool
    ) {
        self.x = x
        (self.label, self.scores, self.weights) = (label, scores, weights)
        (self.intercepts, self.labels, self.transform) = (intercepts, labels, transform)
        self.addsClass = addsClass
        rows = scores.shape[0]
    }

    func run(_ workspace: Workspace) throws(OperatorFailure) {
        try x.convert(workspace)
        let source = workspace.span(x.operand, as: Float.self)
        let offsets = workspace.span(intercepts, as: Float.self)
        var target = workspace.mutableSpan(scores, as: Float.self)
        guard rows > 0 else { return }
        if addsClass {
            var second = workspace.mutableSpan(
                scores, as: Float.self, range: 1..<scores.count)
            KernelSet.best.gemm(
                a: source, m: rows, b: weights, bias: offsets, c: &second, cStride: 2)
        } else {
            KernelSet.best.gemm(a: source, m: rows, b: weights, bias: offsets, c: &target)
        }
        writeLabels(workspace)
        if addsClass {
            for row in 0..<rows { complete(&target, row) }
        } else {
            transform.apply(&target, rows: rows, columns: weights.n)
        }
    }

    /// The two scores of a yes-or-no model from its one, as ONNX Runtime makes them up.
    private func complete(_ scores: inout MutableSpan<Float>, _ row: Int) {
        var score = scores[2 * row + 1]
        switch transform {
        case .none, .softmax, .softmaxZero: break
        case .logistic: score = PostTransform.logistic(score)
        case .probit: score = PostTransform.probit(score)
        }
        scores[2 * row] = 1 - score
        scores[2 * row + 1] = score
    }

    private func writeLabels(_ workspace: Workspace) {
        guard let label else { return }
        let values = workspace.span(scores, as: Float.self)
        for row in 0..<rows {
            let index: Int
            if weights.n == 1 {
                index = values[addsClass ? 2 * row + 1 : row] > 0 ? 1 : 0
            } else {
                index = values.indexOfGreatest(row * weights.n..<(row + 1) * weights.n)
            }
            labels.write(index, row: row, to: label, workspace)
        }
    }
}
