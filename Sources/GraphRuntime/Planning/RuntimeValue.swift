import Primitives

/// What an eager run hands from node to node: a tensor, or one of the standard's containers.
public enum RuntimeValue: Sendable {
    case tensor(Tensor)
    case sequence([Tensor])
    /// An optional that holds nothing.
    case missing

    /// Bytes of all tensors in it; a string counts as what it takes in an array.
    var byteCount: Int {
        switch self {
        case .tensor(let tensor):
            tensor.elementCount * (tensor.dataType == .string ? 16 : tensor.dataType.byteCount)
        case .sequence(let list): list.reduce(0) { $0 + RuntimeValue.tensor($1).byteCount }
        case .missing: 0
        }
    }

    /// As messages name it.
    var kindName: String {
        switch self {
        case .tensor: "a tensor"
        case .sequence: "a sequence"
        case .missing: "an empty optional"
        }
    }
}

/// An operator on values that are no tensors, or with graphs of its own: it runs eagerly only.
protocol ValueOperator: Operator {
    /// The outputs for these inputs, one each; nil is an input that is left out.
    func evaluate(_ inputs: [RuntimeValue?]) throws(OperatorFailure) -> [RuntimeValue]
}

/// An operator with graphs of its own.
protocol SubgraphOperator: ValueOperator {
    /// The same as `evaluate` without a budget, within what is left of the run's.
    func evaluate(
        _ inputs: [RuntimeValue?], _ budget: RunBudget
    ) throws(OperatorFailure) -> [RuntimeValue]
}

extension SubgraphOperator {
    func evaluate(_ inputs: [RuntimeValue?]) throws(OperatorFailure) -> [RuntimeValue] {
        try evaluate(inputs, RunBudget(.standard))
    }
}

extension ValueOperator {
    var isFoldable: Bool { false }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        throw OperatorFailure("what it makes depends on the values of inputs", needsValues: true)
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        throw OperatorFailure("what it makes depends on the values of inputs", needsValues: true)
    }
}
