import Kernels
import Primitives

/// ai.onnx.ml `TreeEnsembleRegressor` (versions 1 to 3): per target the sum, average, least or
/// greatest of what the leaves say, plus a base value, transformed.
final class TreeEnsembleRegressorOperator: Operator {
    private let forest: Forest
    private let transform: PostTransform

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        transform = try PostTransform(context)
        let count = try context.int("n_targets", default: 1)
        let aggregate: ForestAggregate
        switch try context.string("aggregate_function") ?? "SUM" {
        case "SUM": aggregate = .sum
        case "AVERAGE": aggregate = .average
        case "MIN": aggregate = .minimum
        case "MAX": aggregate = .maximum
        case let other:
            throw OperatorFailure("its aggregate_function '\(other)' is none of the standard")
        }
        let attributes = try TreeAttributes(context, votes: "target")
        forest = try attributes.forest(
            targetCount: count, aggregate: aggregate, baseValues: attributes.baseValues
        ) { $0 }
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        _ = try inputs.dataType(0, oneOf: FloatInput.types, "its input")
        let rows = try inputs.rows(for: forest)
        return [ValueInfo(.float32, [rows, forest.targetCount])]
    }

    func scratch(_ inputs: Inputs, _ outputs: [ValueInfo]) -> [ValueInfo] {
        FloatInput.scratch(inputs[0])
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        TreeEnsembleRegressorStep(
            FloatInput.Scratch(inputs[0], outputs.scratch).input, outputs[0], forest, transform)
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        outputs[0].shape[0] &* forest.treeCount
    }
}

private final class TreeEnsembleRegressorStep: Step {
    private let x: FloatInput
    private let y: Operand
    private let forest: Forest
    private let transform: PostTransform

    init(_ x: FloatInput, _ y: Operand, _ forest: Forest, _ transform: PostTransform) {
        (self.x, self.y, self.forest, self.transform) = (x, y, forest, transform)
    }

    func run(_ workspace: Workspace) throws(OperatorFailure) {
        try x.convert(workspace)
        let source = workspace.span(x.operand, as: Float.self)
        var target = workspace.mutableSpan(y, as: Float.self)
        let rows = y.shape[0]
        KernelSet.best.forestScores(
            forest, x: source, rows: rows, features: x.operand.shape.last ?? 1, y: &target)
        transform.apply(&target, rows: rows, columns: forest.targetCount)
    }
}

extension Inputs {
    /// Rows of an input that has the features a forest tests.
    func rows(for forest: Forest) throws(OperatorFailure) -> Int {
        let (rows, columns) = try matrix(0)
        guard columns >= forest.featureCount else {
            throw OperatorFailure(
                "its input has \(columns) columns; the trees test feature \(forest.featureCount - 1)"
            )
        }
        return rows
    }
}
