import Kernels
import Primitives
import Synchronization

/// A forest for inputs of any type. Float64 values are compared in float64 and all others in float32,
/// as ONNX Runtime has it; scores are float32 either way.
final class TypedForest: Sendable {
    private let make: @Sendable (ForestPrecision) throws(OperatorFailure) -> Forest
    /// Compares in float32; it also tells the sizes.
    let single: Forest
    /// Made by the first that asks, under the lock: most models never need it.
    private let double = Mutex<Forest?>(nil)

    init(
        _ make: @escaping @Sendable (ForestPrecision) throws(OperatorFailure) -> Forest
    ) throws(OperatorFailure) {
        self.make = make
        single = try make(.float32)
    }

    func forest(for type: DataType) throws(OperatorFailure) -> Forest {
        guard type == .float64 else { return single }
        return try double.withLock { kept throws(OperatorFailure) in
            if let kept { return kept }
            let made = try make(.float64)
            kept = made
            return made
        }
    }
}

/// A forest and what gives it the values of a node's input: computes raw scores.
struct ForestScoring {
    let forest: Forest
    private let x: Operand
    private let input: FloatInput?
    private let wide: Operand?

    /// Memory that the scores of an input need: a float32 copy of integers, or float64 scores.
    static func scratch(_ info: ValueInfo, _ forest: TypedForest) -> [ValueInfo] {
        guard info.dataType == .float64 else { return FloatInput.scratch(info) }
        let rows = info.shape.count == 1 ? 1 : info.shape[0]
        return [ValueInfo(.float64, [rows, forest.single.targetCount])]
    }

    /// - Parameter scratch: what `scratch` asked for, and then the operator's own.
    init(
        _ source: Operand, _ scratch: [Operand], _ forest: TypedForest
    ) throws(OperatorFailure) {
        self.forest = try forest.forest(for: source.dataType)
        x = source
        if source.dataType == .float64 {
            (input, wide) = (nil, scratch[0])
        } else {
            (input, wide) = (FloatInput.Scratch(source, scratch).input, nil)
        }
    }

    /// Writes the forest's scores of all rows.
    func run(_ workspace: Workspace, rows: Int, into y: Operand) throws(OperatorFailure) {
        let features = x.shape.last ?? 1
        var target = workspace.mutableSpan(y, as: Float.self)
        if let wide {
            var scores = workspace.mutableSpan(wide, as: Double.self)
            KernelSet.best.forestScores(
                forest, x: workspace.span(x, as: Double.self), rows: rows, features: features,
                y: &scores)
            for index in scores.indices { target[index] = Float(scores[index]) }
        } else if let input {
            try input.convert(workspace)
            KernelSet.best.forestScores(
                forest, x: workspace.span(input.operand, as: Float.self), rows: rows,
                features: features, y: &target)
        }
    }
}

/// An operator that is a forest.
protocol ForestOperator: Operator {
    /// The forest that an input of this type is compared in.
    func forest(for type: DataType) throws(OperatorFailure) -> Forest
}
