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
final class TreeEnsembleClassifierOperator: Operator {
    private let forest: Forest
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
            forest = try attributes.forest(
                targetCount: 1, aggregate: .sum, baseValues: base.prefix(1).map { $0 }
            ) { _ in 0 }
            self.labels = labels.binary
            form = ClassScores(
                kind: classCount == 1
                    ? .single : base.count == 2 ? .first(isPositive) : .binary(isPositive),
                transform: transform)
        } else {
            let isSecond =
                classCount == 2 && base.isEmpty && attributes.voteTargets.allSatisfy { $0 == 1 }
            forest = try attributes.forest(
                targetCount: classCount, aggregate: .sum, baseValues: base
            ) { $0 }
            self.labels = labels
            form = ClassScores(
                kind: isSecond ? .second(isPositive) : .multiclass, transform: transform)
        }
        givesScores = context.hasOutput(1)
    }

    private let givesScores: Bool

    private var columns: Int { form.kind == .single ? 1 : max(forest.targetCount, 2) }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        _ = try inputs.dataType(0, oneOf: FloatInput.types, "its input")
        let rows = try inputs.rows(for: forest)
        return [ValueInfo(labels.dataType, [rows]), ValueInfo(.float32, [rows, columns])]
    }

    func scratch(_ inputs: Inputs, _ outputs: [ValueInfo]) -> [ValueInfo] {
        let rows = inputs[0].shape.count == 1 ? 1 : inputs[0].shape[0]
        let raw = ValueInfo(.float32, [rows, forest.targetCount])
        let needsRaw = !givesScores || columns != forest.targetCount
        return FloatInput.scratch(inputs[0]) + (needsRaw ? [raw] : [])
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let scratch = FloatInput.Scratch(inputs[0], outputs.scratch)
        guard let raw = scratch.rest.first ?? outputs.optional(1) else {
            throw OperatorFailure("it has no place for its scores")
        }
        return TreeEnsembleClassifierStep(
            scratch.input, raw: raw, label: outputs.optional(0), scores: outputs.optional(1),
            forest, labels, form)
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        outputs[0].shape[0] &* forest.treeCount
    }
}

private final class TreeEnsembleClassifierStep: Step {
    private let x: FloatInput
    /// Scores as the forest gives them: the output itself when it has as many columns.
    private let raw: Operand
    private let (label, scores): (Operand?, Operand?)
    private let forest: Forest
    private let labels: LabelWriter
    private let form: ClassScores

    init(
        _ x: FloatInput, raw: Operand, label: Operand?, scores: Operand?, _ forest: Forest,
        _ labels: LabelWriter, _ form: ClassScores
    ) {
        (self.x, self.raw, self.label, self.scores) = (x, raw, label, scores)
        (self.forest, self.labels, self.form) = (forest, labels, form)
    }

    func run(_ workspace: Workspace) throws(OperatorFailure) {
        try x.convert(workspace)
        let source = workspace.span(x.operand, as: Float.self)
        var target = workspace.mutableSpan(raw, as: Float.self)
        let rows = raw.shape[0]
        KernelSet.best.forestScores(
            forest, x: source, rows: rows, features: x.operand.shape.last ?? 1, y: &target)
        let values = workspace.span(raw, as: Float.self)
        if let label {
            for row in 0..<rows {
                let index = form.label(values, row: row, columns: forest.targetCount)
                labels.write(index, row: row, to: label, workspace)
            }
        }
        guard let scores else { return }
        if form.hasScoreEach {
            form.transform.apply(&target, rows: rows, columns: forest.targetCount)
        } else {
            var result = workspace.mutableSpan(scores, as: Float.self)
            form.write(values, rows: rows, to: &result)
        }
    }
}
