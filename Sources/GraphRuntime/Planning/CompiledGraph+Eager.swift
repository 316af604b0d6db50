import Primitives

extension CompiledGraph {
    /// Computes any values: with a plan where shapes tell everything, else node by node.
    ///
    /// Throws with kind `.input` when a value does not have the type or shape of its input.
    public func evaluate(_ inputs: [RuntimeValue]) throws(GraphError) -> [RuntimeValue] {
        var tensors: [Tensor] = []
        for case .tensor(let tensor) in inputs { tensors.append(tensor) }
        if !isEager, tensors.count == graph.inputs.count, tensors.count == inputs.count {
            try checkTypes(tensors)
            do throws(GraphError) {
                return try run(tensors).map { .tensor($0) }
            } catch {
                guard error.kind == .values else { throw error }
            }
        }
        return try evaluateEagerly(inputs)
    }

    /// Computes whole tensors, node by node where no plan can be made.
    public func evaluate(tensors: [Tensor]) throws(GraphError) -> [Tensor] {
        var results: [Tensor] = []
        for (value, id) in zip(try evaluate(tensors.map { .tensor($0) }), graph.outputs) {
            guard case .tensor(let tensor) = value else {
                throw GraphError("the output '\(graph[id].name)' is \(value.kindName)")
            }
            results.append(tensor)
        }
        return results
    }

    private func checkTypes(_ tensors: [Tensor]) throws(GraphError) {
        for (tensor, id) in zip(tensors, graph.inputs) {
            guard let wanted = graph[id].dataType, wanted != tensor.dataType else { continue }
            throw GraphError(
                "input '\(graph[id].name)' is \(tensor.dataType.name); the model takes "
                    + wanted.name, kind: .input)
        }
    }

    /// Runs the nodes one after the other, each with the values of its inputs at hand: shapes that
    /// depend on values need nothing more. A value is let go after its last reader.
    func evaluateEagerly(
        _ inputs: [RuntimeValue], _ shared: RunBudget? = nil,
        observe: (_ node: Int) -> Void = { _ in }
    ) throws(GraphError) -> [RuntimeValue] {
        let shared = shared ?? RunBudget(limits)
        guard inputs.count == graph.inputs.count else {
            throw GraphError(
                "\(inputs.count) inputs were given; the model takes \(graph.inputs.count)",
                kind: .input)
        }
        var values: [RuntimeValue?] = graph.values.map { value in
            value.constant.map { .tensor($0) }
        }
        for (id, value) in zip(graph.inputs, inputs) { values[id.index] = value }
        try checkInputs(inputs)
        var readers = useCounts
        var budget = limits.arenaBytesMax
        for (index, node) in graph.nodes.enumerated() {
            let given = node.inputs.map { input in input.flatMap { values[$0.index] } }
            let made: [RuntimeValue]
            do throws(OperatorFailure) {
                made = try evaluate(operators[index], given, budget: budget, shared)
            } catch {
                throw GraphError(error.reason, at: node, kind: .input)
            }
            observe(index)
            for (output, value) in zip(node.outputs, made) {
                guard let output, readers[output.index] > 0 else { continue }
                values[output.index] = value
                budget -= value.byteCount
            }
            for case let input? in node.inputs {
                readers[input.index] -= 1
                if readers[input.index] == 0, let value = values[input.index] {
                    if graph[input].constant == nil { budget += value.byteCount }
                    values[input.index] = nil
                }
            }
        }
        var results: [RuntimeValue] = []
        for output in graph.outputs {
            guard let value = values[output.index] else {
                throw GraphError("the graph's output '\(graph[output].name)' was never made")
            }
            results.append(value)
        }
        return results
    }

    private func checkInputs(_ inputs: [RuntimeValue]) throws(GraphError) {
        var symbols: [String: Int] = [:]
        for (id, value) in zip(graph.inputs, inputs) {
            let declared = graph[id]
            switch (declared.kind, value) {
            case (.tensor, .tensor(let tensor)):
                if let wanted = declared.dataType, wanted != tensor.dataType {
                    throw GraphError(
                        "input '\(declared.name)' is \(tensor.dataType.name); the model takes "
                            + wanted.name, kind: .input)
                }
                try declared.check(tensor.shape, &symbols, limits)
            case (.sequence, .sequence), (.optional, _): break
            case (.tensor, _) where declared.dataType == nil: break
            case (.tensor, _), (.sequence, _), (.map, _):
                throw GraphError(
                    "input '\(declared.name)' is \(value.kindName)", kind: .input)
            }
        }
    }

    /// The outputs of one operator whose inputs are at hand.
    private func evaluate(
        _ op: any Operator, _ inputs: [RuntimeValue?], budget: Int, _ shared: RunBudget
    ) throws(OperatorFailure) -> [RuntimeValue] {
        if let op = op as? any SubgraphOperator { return try op.evaluate(inputs, shared) }
        if let op = op as? any ValueOperator { return try op.evaluate(inputs) }
        if op is IdentityOperator, let value = inputs[0] { return [value] }
        var infos: [ValueInfo?] = []
        for input in inputs {
            switch input {
            case .tensor(let tensor)?: infos.append(ValueInfo(tensor))
            case nil: infos.append(nil)
            case .sequence?, .missing?:
                throw OperatorFailure("it takes tensors, but an input is \(input!.kindName)")
            }
        }
        let outputs = try op.infer(Inputs(infos))
        for info in outputs
        where Shape.elementCount(info.shape, max: limits.tensorElementsMax) == nil {
            throw OperatorFailure(
                "its output of shape \(Shape.text(info.shape)) is larger than a tensor may be")
        }
        let known = outputs.compactMap(\.constant)
        if known.count == outputs.count { return known.map { .tensor($0) } }
        var budget = budget
        guard let made = try Evaluation.run(op, infos, outputs, budget: &budget) else {
            throw OperatorFailure(
                "with its outputs the run needs more than \(limits.arenaBytesMax) bytes")
        }
        return made.map { .tensor($0) }
    }
}

extension Value {
    /// Checks a shape against the declared one; equal names mean equal sizes.
    func check(
        _ shape: [Int], _ symbols: inout [String: Int], _ limits: Limits
    ) throws(GraphError) {
        guard Shape.elementCount(shape, max: limits.tensorElementsMax) != nil else {
            throw GraphError(
                "input '\(name)' of shape \(Shape.text(shape)) is larger than a tensor may be",
                kind: .input)
        }
        guard let declared = self.shape else { return }
        var fits = declared.count == shape.count
        for (dimension, size) in zip(declared, shape) where fits {
            switch dimension {
            case .fixed(let wanted): fits = wanted == size
            case .symbol(let name): fits = symbols.updateValue(size, forKey: name) ?? size == size
            case .unknown: break
            }
        }
        if !fits {
            let wanted = declared.map(\.text).joined(separator: ", ")
            throw GraphError(
                "input '\(name)' has shape \(Shape.text(shape)); the model takes [\(wanted)]",
                kind: .input)
        }
    }
}
