import Primitives

/// An operator written as a function of whole tensors: for those that are rare or whose outputs
/// depend on the values. It costs an allocation an output and run.
///
/// With `shapes` it takes part in plans; without, it makes its graph run eagerly.
protocol TensorOperator: Operator {
    /// The types and shapes of the outputs, where they follow from those of the inputs (and from
    /// the inputs that are constant); nil when the values decide.
    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]?

    /// The outputs for these inputs; nil is an input that is left out. All of the operator's
    /// outputs, or as many as it was asked for.
    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor]
}

extension TensorOperator {
    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? { nil }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        if let infos = try shapes(inputs) { return infos }
        guard inputs.list.allSatisfy({ $0 == nil || $0?.constant != nil }) else {
            throw OperatorFailure(
                "its output's shape depends on the values of inputs", needsValues: true)
        }
        return try compute(inputs.list.map { $0?.constant }).map { ValueInfo($0) }
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        computeStep(inputs, outputs)
    }

    /// The step that runs `compute`.
    func computeStep(_ inputs: Operands, _ outputs: Operands) -> any Step {
        ComputeStep(self, inputs, outputs)
    }
}

/// Runs a `TensorOperator` inside a plan: its inputs are copied out, its results copied in.
private final class ComputeStep: Step {
    private let op: any TensorOperator
    private let inputs: [Operand?]
    private let outputs: [Operand?]

    init(_ op: any TensorOperator, _ inputs: Operands, _ outputs: Operands) {
        self.op = op
        self.inputs = inputs.list
        self.outputs = outputs.list
    }

    func run(_ workspace: Workspace) throws(OperatorFailure) {
        let tensors = inputs.map { operand in operand.map { workspace.tensor($0) } }
        let results = try op.compute(tensors)
        for (operand, result) in zip(outputs, results) {
            guard let operand else { continue }
            guard result.dataType == operand.dataType, result.shape == operand.shape else {
                throw OperatorFailure(
                    "it made \(Shape.text(result.shape)) where \(Shape.text(operand.shape)) was "
                        + "planned")
            }
            let source = Operand(result)
            if operand.dataType == .string {
                for index in 0..<source.count {
                    workspace.setString(operand, index, result.strings[index])
                }
            } else {
                workspace.copy(source, to: operand)
            }
        }
    }
}

extension Workspace {
    /// A copy of an operand's values; a constant is shared, not copied.
    func tensor(_ operand: borrowing Operand) -> Tensor {
        if let tensor = operand.tensor { return tensor }
        if operand.dataType == .string {
            return Tensor(shape: operand.shape, strings: stringArray(operand))
        }
        let tensor = Tensor(dataType: operand.dataType, shape: operand.shape)
        if let memory = tensor.memory { copy(operand, to: memory) }
        return tensor
    }
}
