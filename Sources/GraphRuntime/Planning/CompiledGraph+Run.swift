import Primitives

extension CompiledGraph {
    /// Computes whole tensors once, with a plan and a workspace of its own: for probes and tests.
    public func run(_ inputs: [Tensor]) throws(GraphError) -> [Tensor] {
        try run(inputs, plan: plan(inputShapes: inputs.map(\.shape)), in: Workspace())
    }

    /// Computes whole tensors with a plan for their shapes. The tensors must have the types and
    /// shapes of the plan's inputs.
    public func run(
        _ inputs: [Tensor], plan: Plan, in workspace: Workspace
    ) throws(GraphError) -> [Tensor] {
        var times: [UInt64] = []
        return try run(inputs, plan: plan, in: workspace, addingTimesTo: &times)
    }

    /// The same; with as many `times` as steps, the nanoseconds of each are added to them.
    func run(
        _ inputs: [Tensor], plan: Plan, in workspace: Workspace, addingTimesTo times: inout [UInt64]
    ) throws(GraphError) -> [Tensor] {
        for (tensor, info) in zip(inputs, plan.inputs)
        where tensor.dataType != info.dataType || tensor.shape != info.shape {
            throw GraphError(
                "an input is \(tensor.dataType.name) \(Shape.text(tensor.shape)); the plan is for "
                    + "\(info.dataType.name) \(Shape.text(info.shape))", kind: .input)
        }
        workspace.prepare(for: plan)
        defer { plan.unbind(workspace) }
        for (index, tensor) in inputs.enumerated() {
            if let memory = tensor.memory {
                plan.bindInput(index, memory, byteOffset: 0, in: workspace)
            } else {
                plan.bindInput(index, strings: tensor.strings, start: 0, in: workspace)
            }
        }
        var memories: [AlignedMemory] = []
        var strings: [[String]] = []
        for (index, info) in plan.outputs.enumerated() {
            let count = info.shape.reduce(1, *)
            let isString = info.dataType == .string
            memories.append(AlignedMemory(byteCount: count * info.dataType.byteCount))
            strings.append(isString ? Array(repeating: "", count: count) : [])
            if isString {
                plan.exchangeOutput(index, strings: &strings[index], start: 0, in: workspace)
            } else {
                plan.bindOutput(index, memories[index], byteOffset: 0, in: workspace)
            }
        }
        if times.isEmpty {
            try plan.run(in: workspace)
        } else {
            try plan.run(in: workspace, addingTimesTo: &times)
        }
        var results: [Tensor] = []
        for (index, info) in plan.outputs.enumerated() {
            if info.dataType == .string {
                plan.exchangeOutput(index, strings: &strings[index], start: 0, in: workspace)
                results.append(Tensor(shape: info.shape, strings: strings[index]))
            } else {
                results.append(
                    Tensor(dataType: info.dataType, shape: info.shape, memory: memories[index]))
            }
        }
        return results
    }
}
