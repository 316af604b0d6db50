import Kernels
import Primitives

/// ai.onnx.ml `TreeEnsemble` (version 5): trees given by parallel lists of branches and leaves, of
/// any mode, compared and answered in float32 or float64.
final class TreeEnsembleOperator: ForestOperator {
    private let forest: Forest
    private let transform: PostTransform

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        let code = try context.int("post_transform", default: 0)
        let transforms: [PostTransform] = [.none, .softmax, .logistic, .softmaxZero, .probit]
        guard transforms.indices.contains(code) else {
            throw OperatorFailure("its post_transform \(code) is none of the standard")
        }
        transform = transforms[code]
        forest = try TreeLists(context).forest()
    }

    func forest(for type: DataType) -> Forest { forest }

    private var dataType: DataType {
        switch forest.precision {
        case .float32: .float32
        case .float64: .float64
        }
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        _ = try inputs.dataType(0, oneOf: [dataType], "its input")
        let rows = try inputs.rows(for: forest)
        return [ValueInfo(dataType, [rows, forest.targetCount])]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        TreeEnsembleStep(inputs[0], outputs[0], forest, transform)
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        outputs[0].shape[0] &* forest.treeCount
    }
}

private final class TreeEnsembleStep: Step {
    private let (x, y): (Operand, Operand)
    private let forest: Forest
    private let transform: PostTransform

    init(_ x: Operand, _ y: Operand, _ forest: Forest, _ transform: PostTransform) {
        (self.x, self.y, self.forest, self.transform) = (x, y, forest, transform)
    }

    func run(_ workspace: Workspace) {
        let (rows, features) = (y.shape[0], x.shape.last ?? 1)
        switch forest.precision {
        case .float32:
            var target = workspace.mutableSpan(y, as: Float.self)
            KernelSet.best.forestScores(
                forest, x: workspace.span(x, as: Float.self), rows: rows, features: features,
                y: &target)
            transform.apply(&target, rows: rows, columns: forest.targetCount)
        case .float64:
            var target = workspace.mutableSpan(y, as: Double.self)
            KernelSet.best.forestScores(
                forest, x: workspace.span(x, as: Double.self), rows: rows, features: features,
                y: &target)
            transform.apply(&target, rows: rows, columns: forest.targetCount)
        }
    }
}
