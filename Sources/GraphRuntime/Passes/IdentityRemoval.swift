import Primitives

extension Graph {
    /// Takes out nodes that hand their input on: Identity, Dropout without a mask, Cast to the
    /// type the value has.
    mutating func removeIdentities() {
        var dropped: Set<Int> = []
        let outputIDs = Set(outputs)
        for index in nodes.indices {
            let node = nodes[index]
            guard isIdentity(node), let input = node.inputs[0], let output = node.outputs[0] else {
                continue
            }
            if !outputIDs.contains(output) {
                replace(output, by: input)
                dropped.insert(index)
            } else if canRename(input, outputIDs) {
                rename(input, to: output)
                dropped.insert(index)
            }
        }
        removeNodes(dropped)
    }

    private func isIdentity(_ node: Node) -> Bool {
        guard node.operatorName.domain.isEmpty, let first = node.inputs.first, let input = first
        else { return false }
        switch node.operatorName.name {
        case "Identity": return node.outputs.count == 1
        case "Dropout":
            return node.inputs.count == 1 && node.outputs.dropFirst().allSatisfy { $0 == nil }
        case "Cast":
            guard case .int(let code)? = node.attributes["to"], let type = knownType(input) else {
                return false
            }
            return CastOperator.dataType(code) == type
        default: return false
        }
    }

    /// The element type of a value, where the file or its producer tells it.
    private func knownType(_ id: ValueID) -> DataType? {
        if inputs.contains(id) || self[id].constant != nil { return self[id].dataType }
        for node in nodes where node.outputs.contains(id) {
            switch (node.operatorName.name, node.outputs.firstIndex(of: id)) {
            case ("ArgMax", _), ("ArgMin", _): return .int64
            case ("Cast", _):
                guard case .int(let code)? = node.attributes["to"] else { return nil }
                return CastOperator.dataType(code)
            case ("LinearClassifier", 1), ("TreeEnsembleClassifier", 1), ("Normalizer", _),
                ("Scaler", _), ("LinearRegressor", _), ("TreeEnsembleRegressor", _):
                return .float32
            case ("LinearClassifier", 0), ("TreeEnsembleClassifier", 0):
                let texts = node.attributes["classlabels_strings"]
                if case .strings(let list)? = texts, !list.isEmpty { return .string }
                return .int64
            case ("Linear", _): return .float32
            case ("Reshape", _), ("ArrayFeatureExtractor", _), ("Relu", _), ("Identity", _):
                return node.inputs.first.flatMap { $0 }.flatMap { knownType($0) }
            default: return nil
            }
        }
        return nil
    }

    /// Whether a value made by a node can take the name of an output of the graph.
    private func canRename(_ id: ValueID, _ outputIDs: Set<ValueID>) -> Bool {
        !outputIDs.contains(id) && !inputs.contains(id) && self[id].constant == nil
    }

    /// Lets the node that makes `old` make `new` instead.
    private mutating func rename(_ old: ValueID, to new: ValueID) {
        replace(old, by: new)
        for index in nodes.indices {
            for position in nodes[index].outputs.indices
            where nodes[index].outputs[position] == old {
                nodes[index].outputs[position] = new
            }
        }
    }
}
