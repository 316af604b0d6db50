import Primitives

/// ai.onnx.ml `SVMClassifier`: one classifier a pair of classes, whose votes make the label; scores
/// are those of the pairs, or probabilities where `prob_a` and `prob_b` calibrate them (libsvm's
/// method). Without support vectors it is one linear function a class.
///
/// Where the standard is silent (scores of two classes, ties), it is as in ONNX Runtime.
final class SVMClassifierOperator: Operator {
    let model: SVMPairs
    let labels: LabelWriter
    let transform: PostTransform
    private let columns: Int

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1, max: 2)
        labels = try LabelWriter(
            context, integers: "classlabels_ints", strings: "classlabels_strings")
        transform = try PostTransform(context)
        model = try SVMPairs(context, classCount: labels.count)
        columns = model.columns
        givesScores = context.hasOutput(1)
    }

    private let givesScores: Bool

    /// Scores a row.
    private var width: Int {
        if model.isLinear || model.hasProbabilities { return labels.count }
        return labels.count > 2 ? model.pairCount : 2
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        _ = try inputs.dataType(0, oneOf: FloatInput.types, "its input")
        let (rows, _) = try inputs.matrix(0, columns: columns)
        return [ValueInfo(labels.dataType, [rows]), ValueInfo(.float32, [rows, width])]
    }

    func scratch(_ inputs: Inputs, _ outputs: [ValueInfo]) -> [ValueInfo] {
        let rows = inputs[0].shape.count == 1 ? 1 : inputs[0].shape[0]
        let scores = givesScores ? [] : [ValueInfo(.float32, [rows, width])]
        return FloatInput.scratch(inputs[0]) + [ValueInfo(.float64, [model.scratchCount])] + scores
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let scratch = FloatInput.Scratch(inputs[0], outputs.scratch)
        guard let room = scratch.rest.first, let scores = outputs.optional(1) ?? scratch.rest.last
        else { throw OperatorFailure("it has no place for its scores") }
        return SVMClassifierStep(
            self, scratch.input, room: room, label: outputs.optional(0), scores: scores)
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        2 &* outputs[0].shape[0] &* model.vectors.count
    }
}

private final class SVMClassifierStep: Step {
    private let owner: SVMClassifierOperator
    private let x: FloatInput
    private let (room, scores): (Operand, Operand)
    private let label: Operand?

    init(
        _ owner: SVMClassifierOperator, _ x: FloatInput, room: Operand, label: Operand?,
        scores: Operand
    ) {
        (self.owner, self.x, self.room, self.label, self.scores) = (owner, x, room, label, scores)
    }

    func run(_ workspace: Workspace) throws(OperatorFailure) {
        try x.convert(workspace)
        let source = workspace.span(x.operand, as: Float.self)
        var target = workspace.mutableSpan(scores, as: Float.self)
        var scratch = workspace.mutableSpan(room, as: Double.self)
        let (model, width) = (owner.model, scores.shape[1])
        for row in 0..<scores.shape[0] {
            let best =
                model.isLinear
                ? model.linear(source, row: row, into: &target)
                : model.pairs(source, row: row, &scratch, into: &target, width: width)
            if let label { owner.labels.write(best, row: row, to: label, workspace) }
        }
        let isPair = !model.isLinear && !model.hasProbabilities && owner.labels.count == 2
        if isPair {
            completePairs(&target)
        } else {
            owner.transform.apply(&target, rows: scores.shape[0], columns: width)
        }
    }

    /// The two scores of two classes from the one of their pair, which stands in the first place.
    private func completePairs(_ scores: inout MutableSpan<Float>) {
        for row in 0..<scores.count / 2 {
            let score = scores[2 * row]
            switch owner.transform {
            case .none: (scores[2 * row], scores[2 * row + 1]) = (-score, score)
            case .softmax, .softmaxZero:
                (scores[2 * row], scores[2 * row + 1]) = (1 - score, score)
            case .logistic:
                let share = PostTransform.logistic(score)
                (scores[2 * row], scores[2 * row + 1]) = (1 - share, share)
            case .probit:
                (scores[2 * row], scores[2 * row + 1]) = (PostTransform.probit(score), 0)
            }
        }
    }
}
