import GraphRuntime
import Primitives

extension ONNXModel {
    /// Computes whole tensors, in the order of the signature: for `infer` and for tests. The
    /// serving path is `predict`.
    ///
    /// Throws with `badInput` when a tensor does not have the type or shape of its input.
    public func run(_ inputs: [Tensor]) throws(PredictionError) -> [Tensor] {
        guard inputs.count == signature.inputs.count else {
            throw PredictionError(
                .badInput,
                "\(inputs.count) inputs were given; the model takes \(signature.inputs.count)")
        }
        for (tensor, spec) in zip(inputs, signature.inputs)
        where tensor.dataType != spec.dataType {
            throw PredictionError(
                .badInput,
                "input '\(spec.name)' is \(tensor.dataType.name); the model takes "
                    + spec.dataType.name)
        }
        let workspace = workspaces.take()
        defer { workspaces.giveBack(workspace) }
        do throws(GraphError) {
            if isEager { return try compiled.evaluate(tensors: inputs) }
            let plan = try plans.plan(for: inputs.map(\.shape))
            return try compiled.run(inputs, plan: plan, in: workspace)
        } catch {
            let kind: PredictionError.Kind = error.kind == .input ? .badInput : .failed
            throw PredictionError(kind, error.description)
        }
    }
}
