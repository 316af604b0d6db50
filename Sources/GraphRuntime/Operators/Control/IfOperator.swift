import Primitives

/// ONNX `If`: the outputs of one of two graphs.
final class IfOperator: SubgraphOperator {
    private let (yes, no): (Subgraph, Subgraph)

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1, max: Int.max)
        // The captures stand in the order of the attributes in the file.
        var first = context.inputCount
        if context.graphOrder("then_branch", "else_branch") {
            yes = try Subgraph(context, "then_branch", &first)
            no = try Subgraph(context, "else_branch", &first)
        } else {
            no = try Subgraph(context, "else_branch", &first)
            yes = try Subgraph(context, "then_branch", &first)
        }
        for branch in [yes, no] {
            guard branch.formalCount == 0, branch.outputCount == context.outputCount else {
                throw OperatorFailure(
                    "its graphs must have no inputs and \(context.outputCount) outputs")
            }
        }
    }

    func evaluate(
        _ inputs: [RuntimeValue?], _ budget: RunBudget
    ) throws(OperatorFailure) -> [RuntimeValue] {
        guard let condition = inputs[0] else { throw OperatorFailure("its condition is left out") }
        let branch = try condition.flag("its condition") ? yes : no
        return try branch.run([], captured: inputs, budget)
    }
}
