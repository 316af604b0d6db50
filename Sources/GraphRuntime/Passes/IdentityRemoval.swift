import Primitives

extension Graph {
    /// Takes out nodes that hand their input on: Identity, Dropout without a mask, Cast to the
    /// type the value has.
    mutating func removeIdentities() {
        var dropped: Set<Int> = []
        let outputIDs = Set(outputs)
        let producers = producers()
        // What to read instead of a value. Nodes are in order, so one walk settles all of them.
        var replacements: [ValueID: ValueID] = [:]
        for index in nodes.indices {
            nodes[index].inputs = nodes[index].inputs.map { input in
                input.map { replacements[$0] ?? $0 }
            }
            let node = nodes[index]
            guard isIdentity(node, producers), let input = node.inputs[0],
                let output = node.outputs[0]
            else { continue }
            if !outputIDs.contains(output) {
                replacements[output] = input
                dropped.insert(index)
            } else if canRename(input, outputIDs) {
                rename(input, to: output)
                replacements[input] = output
                dropped.insert(index)
            }
        }
        removeNodes(dropped)
    }

    private func isIdentity(_ node: Node, _ producers: [Int?]) -> Bool {
        guard node.operatorName.domain.isEmpty, let first = node.inputs.first, let input = first,
            node.outputs.first != nil
        else { return false }
        switch node.operatorName.name {
        case "Identity":
            return node.outputs.count == 1 && node.inputs.count == 1 && node.attributes.isEmpty
        case "Dropout":
            return node.inputs.count == 1 && node.outputs.dropFirst().allSatisfy { $0 == nil }
        case "Cast":
            guard node.outputs.count == 1, node.inputs.count == 1,
                case .int(let code)? = node.attributes["to"],
                let type = knownType(input, producers)
            else { return false }
            return CastOperator.dataType(code) == type
        default: return false
        }
    }

    /// The element type of a value, where the file or the nodes that make it tell it.
    private func knownType(_ id: ValueID, _ producers: [Int?]) -> DataType? {
        var id = id
        // Further back than this nobody casts to the type there is.
        for _ in 0..<8 {
            if self[id].constant != nil { return self[id].dataType }
            guard let producer = producers[id.index] else { return self[id].dataType }
            let node = nodes[producer]
            guard let source = Self.typeSource(node, node.outputs.firstIndex(of: id) ?? 0) else {
                return nil
            }
            switch source {
            case .type(let type): return type
            case .firstInput:
                guard let first = node.inputs.first, let input = first else { return nil }
                id = input
            }
        }
        return nil
    }

    private enum TypeSource {
        case type(DataType)
        case firstInput
    }

    /// Where the type of a node's output comes from, for the nodes in front of exporters' casts.
    private static func typeSource(_ node: Node, _ output: Int) -> TypeSource? {
        switch (node.operatorName.name, output) {
        case ("ArgMax", _), ("ArgMin", _): return .type(.int64)
        case ("Cast", _):
            guard case .int(let code)? = node.attributes["to"] else { return nil }
            return CastOperator.dataType(code).map { .type($0) }
        case ("LinearClassifier", 1), ("TreeEnsembleClassifier", 1), ("Normalizer", _),
            ("Scaler", _), ("LinearRegressor", _), ("TreeEnsembleRegressor", _):
            return .type(.float32)
        case ("LinearClassifier", 0), ("TreeEnsembleClassifier", 0):
            if case .strings(let list)? = node.attributes["classlabels_strings"], !list.isEmpty {
                return .type(.string)
            }
            return .type(.int64)
        case ("Reshape", _), ("ArrayFeatureExtractor", _), ("Relu", _), ("Identity", _):
            return .firstInput
        default: return nil
        }
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
