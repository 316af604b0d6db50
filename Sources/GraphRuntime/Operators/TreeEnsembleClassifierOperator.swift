import Kernels
import Primitives

/// ai.onnx.ml `TreeEnsembleClassifier` (versions 1 to 3): per class the sum of what the leaves say,
/// transformed, and the label of the greatest.
///
/// Two classes whose weights all are for one of them make a yes-or-no model. The standard says
/// little about it; here it is as in ONNX Runtime: yes is a score above 0.5 if no weight is
/// negative, above 0 otherwise, and the second score follows from the first. Where two classes have
/// weights of their own, the greater score wins (ONNX Runtime looks at the sign of the second there,
/// and answers 0 or 1 whatever the labels are).
final class TreeEnsembleClassifierOperator: ForestOperator {
    private let forest: TypedForest
    private let labels: LabelWriter
    private let form: ClassScores

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1, max: 2)
        let labels = try LabelWriter(
            context, integers: "classlabels_int64s", strings: "classlabels_strings")
        let transform = try PostTransform(context)
        guard labels.count > 0 else { throw OperatorFailure("it has no labels of its classes") }
        let attributes = try TreeAttributes(context, votes: "class")
        let classCount = labels.count
        guard attributes.voteTargets.allSatisfy({ $0 >= 0 && $0 < classCount }) else {
            throw OperatorFailure("a weight is for a class that is none of \(classCount)")
        }
        let base = attributes.baseValues
        let isPositive = attributes.voteWeights.allSatisfy { $0 >= 0 }
        let isBinary = classCount == 2 && attributes.voteTargets.allSatisfy { $0 == 0 }
        if classCount == 1 || isBinary {
            guard base.count <= classCount else {
                throw OperatorFailure("it has \(base.count) base values for \(classCount) classes")
            }
            forest = try TypedForest { precision throws(OperatorFailure) in
                try attributes.forest(
                    targetCount: 1, aggregate: .sum, baseValues: Array(base.prefix(1)),
                    precision: precision
                ) { _ in 0 }
            }
            self.labels = labels.binary
            form = ClassScores(
                kind: classCount == 1
                    ? .single : base.count == 2 ? .first(isPositive) : .binary(isPositive),
                transform: transform)
        } else {
            let isSecond =
                classCount == 2 && base.isEmpty && attributes.voteTargets.allSatisfy { $0 == 1 }
            forest = try TypedForest { precision throws(OperatorFailure) in
                try attributes.forest(
                    targetCount: classCount, aggregate: .sum, baseValues: base,
                    precision: precision
                ) { $0 }
            }
            self.labels = labels
            form = ClassScores(
                kind: isSecond ? .second(isPositive) : .multiclass, transform: transform)
        }
        givesScores = context.hasOutput(1)
    }

    private let givesScores: Bool

    private var columns: Int { form.kind == .single ? 1 : max(forest.single.targetCount, 2) }

    func forest(for type: DataType) throws(OperatorFailure) -> Forest {
        try forest.forest(for: type)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        _ = try inputs.dataType(0, oneOf: FloatInput.types, "its input")
        let rows = try inputs.rows(for: forest.single)
        return [ValueInfo(labels.dataType, [rows]), ValueInfo(.float32, [rows, columns])]
    }

    func scratch(_ inputs: Inputs, _ outputs: [ValueInfo]) -> [ValueInfo] {
        let rows = inputs[0].shape.count == 1 ? 1 : inputs[0].shape[0]
        let raw = ValueInfo(.float32, [rows, forest.single.targetCount])
        let needsRaw = !givesScores || columns != forest.single.targetCount
        return ForestScoring.scratch(inputs[0], forest) + (needsRaw ? [raw] : [])
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let own = ForestScoring.scratch(ValueInfo(inputs[0].dataType, inputs[0].shape), forest)
        guard let raw = outputs.scratch.dropFirst(own.count).first ?? outputs.optional(1) else {
            throw OperatorFailure("it has no place for its scores")
        }
        return TreeEnsembleClassifierStep(
            try ForestScoring(inputs[0], outputs.scratch, forest), raw: raw,
            label: outputs.optional(0), scores: outputs.optional(1), labels, form)
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        outputs[0].shape[0] &* forest.single.treeCount
    }
}

private final class TreeEnsembleClassifierStep: Step {
    private let scoring: ForestScoring
    /// Scores as the forest gives them: the output itself when it has as many columns.
    private let raw: Operand
    private let (label, scores): (Operand?, Operand?)
    private let labels: LabelWriter
    private let form: ClassScores

    init(
        _ scoring: ForestScoring, raw: Operand, label: Operand?, scores: Operand?,
        _ labels: LabelWriter, _ form: ClassScores
    ) {
        (self.scoring, self.raw, self.label, self.scores) = (scoring, raw, label, scores)
        (self.labels, self.form) = (labels, form)
    }

    func run(_ workspace: Workspace) throws(OperatorFailure) {
        let (rows, columns) = (raw.shape[0], scoring.forest.targetCount)
        try scoring.run(workspace, rows: rows, into: raw)
        let values = workspace.span(raw, as: Float.self)
        if let label {
            for row in 0..<rows {
                let index = form.label(values, row: row, columns: columns)
                labels.write(index, row: row, to: label, workspace)
            }
        }
        guard let scores else { return }
        if form.hasScoreEach {
            var target = workspace.mutableSpan(raw, as: Float.self)
            form.transform.apply(&target, rows: rows, columns: columns)
        } else {
            var result = workspace.mutableSpan(scores, as: Float.self)
            form.write(values, rows: rows, to: &result)
        }
    }
}
