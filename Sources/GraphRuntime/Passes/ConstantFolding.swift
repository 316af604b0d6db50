import Primitives

extension Graph {
    /// Computes every node whose inputs are all constant and makes its outputs constants.
    mutating func foldConstants(
        _ limits: Limits, where isChosen: (OperatorName) -> Bool = { _ in true }
    ) throws(GraphError) {
        var budget = limits.foldedBytesMax + parameterByteCount
        var folded: Set<Int> = []
        let outputIDs = Set(outputs)
        for index in nodes.indices where isChosen(nodes[index].operatorName) {
            let node = nodes[index]
            let inputs = node.inputs.map { input in input.flatMap { self[$0].constant } }
            guard zip(node.inputs, inputs).allSatisfy({ $0 == nil || $1 != nil }) else { continue }
            // An output of the graph keeps its node: it is copied from a constant by the plan.
            if node.outputs.contains(where: { $0.map { outputIDs.contains($0) } ?? false }) {
                continue
            }
            let op = try makeOperator(node)
            guard op.isFoldable, !(op is any ValueOperator) else { continue }
            do throws(OperatorFailure) {
                let inputInfos = inputs.map { tensor in tensor.map { ValueInfo($0) } }
                let infos = try op.infer(Inputs(inputInfos))
                let tensors: [Tensor]
                if infos.allSatisfy({ $0.constant != nil }) {
                    tensors = infos.compactMap(\.constant)
                } else if let made = try Evaluation.run(
                    op, inputInfos, infos, budget: &budget)
                {
                    tensors = made
                } else {
                    continue
                }
                for (output, tensor) in zip(node.outputs, tensors) {
                    guard let output else { continue }
                    self[output].constant = tensor
                    self[output].dataType = tensor.dataType
                    self[output].shape = tensor.shape.map { .fixed($0) }
                }
                folded.insert(index)
            } catch {
                throw GraphError(error.reason, at: node)
            }
        }
        removeNodes(folded)
    }
}
