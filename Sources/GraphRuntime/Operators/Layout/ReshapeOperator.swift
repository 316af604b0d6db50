import Primitives

/// ONNX `Reshape`: the same elements under another shape. -1 stands for what is left over, 0 for
/// the input's own size (unless `allowzero`). A view, so it costs nothing.
final class ReshapeOperator: Operator {
    private let allowsZero: Bool
    var isView: Bool { true }

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(2)
        try context.requireOutputs(1)
        allowsZero =
            context.version >= 14 ? try context.flag("allowzero", default: false) : false
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let source = inputs[0].shape
        var target = try inputs.integers(1, "its target shape")
        var open: Int?
        for index in target.indices {
            if target[index] == 0, !allowsZero {
                guard index < source.count else {
                    throw OperatorFailure("size \(index) is copied from an input without it")
                }
                target[index] = source[index]
            } else if target[index] == -1 {
                guard open == nil else { throw OperatorFailure("two sizes are left open") }
                open = index
                target[index] = 1
            }
        }
        guard let count = Shape.elementCount(source), let known = Shape.elementCount(target) else {
            throw OperatorFailure("its target shape \(Shape.text(target)) is impossible")
        }
        if let open {
            guard known > 0, count % known == 0 else { throw mismatch(source, target) }
            target[open] = count / known
        } else if known != count {
            throw mismatch(source, target)
        }
        return [ValueInfo(inputs[0].dataType, target)]
    }

    private func mismatch(_ source: [Int], _ target: [Int]) -> OperatorFailure {
        OperatorFailure(
            "shape \(Shape.text(source)) does not fit into \(Shape.text(target))")
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        CopyStep(inputs[0], outputs[0])
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int { 0 }
}
