import Kernels
import Primitives

/// ai.onnx.ml `TreeEnsembleRegressor` (versions 1 to 3): per target the sum, average, least or
/// greatest of what the leaves say, plus a base value, transformed.
final class TreeEnsembleRegressorOperator: ForestOperator {
    private let forest: TypedForest
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
        forest = try TypedForest { precision throws(OperatorFailure) in
            try attributes.forest(
                targetCount: count, aggregate: aggregate, baseValues: attributes.baseValues,
                precision: precision
            ) { $0 }
        }
    }

    func forest(for type: DataType) throws(OperatorFailure) -> Forest {
        try forest.forest(for: type)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        _ = try inputs.dataType(0, oneOf: FloatInput.types, "its input")
        let rows = try inputs.rows(for: forest.single)
        return [ValueInfo(.float32, [rows, forest.single.targetCount])]
    }

    func scratch(_ inputs: Inputs, _ outputs: [ValueInfo]) -> [ValueInfo] {
        ForestScoring.scratch(inputs[0], forest)
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        TreeEnsembleRegressorStep(
            try ForestScoring(inputs[0], outputs.scratch, forest), outputs[0], transform)
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        outputs[0].shape[0] &* forest.single.treeCount
    }
}

private final class TreeEnsembleRegressorStep: Step {
    private let scoring: ForestScoring
    private let y: Operand
    private let transform: PostTransform

    init(_ scoring: ForestScoring, _ y: Operand, _ transform: PostTransform) {
        (self.scoring, self.y, self.transform) = (scoring, y, transform)
    }

    func run(_ workspace: Workspace) throws(OperatorFailure) {
        let rows = y.shape[0]
        try scoring.run(workspace, rows: rows, into: y)
        var target = workspace.mutableSpan(y, as: Float.self)
        transform.apply(&target, rows: rows, columns: scoring.forest.targetCount)
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
