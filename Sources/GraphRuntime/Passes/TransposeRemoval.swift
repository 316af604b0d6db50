import Primitives

extension Graph {
    /// Two transposes one behind the other become one, or none when they undo each other; a transpose
    /// that moves nothing goes. A Reshape to a constant shape reads what stood before an earlier one.
    mutating func removeTransposes() {
        // Nodes are in order, and only inputs change: the producers stay what they are.
        let producers = producers()
        let outputIDs = Set(outputs)
        var replacements: [ValueID: ValueID] = [:]
        for index in nodes.indices {
            nodes[index].inputs = nodes[index].inputs.map { input in
                input.map { replacements[$0] ?? $0 }
            }
            switch nodes[index].operatorName {
            case OperatorName("Transpose"):
                guard mergeTranspose(index, producers), let output = nodes[index].outputs[0],
                    !outputIDs.contains(output), let input = nodes[index].inputs[0]
                else { continue }
                replacements[output] = input
            case OperatorName("Reshape"): skipReshape(index, producers)
            default: break
            }
        }
        removeDeadNodes()
    }

    /// True when nothing is left to move: the node is an Identity then.
    private mutating func mergeTranspose(_ index: Int, _ producers: [Int?]) -> Bool {
        guard let order = order(index), let input = nodes[index].inputs.first ?? nil else {
            return false
        }
        var (source, merged) = (input, order)
        if let producer = producers[input.index],
            nodes[producer].operatorName == OperatorName("Transpose"),
            let inner = self.order(producer), inner.count == order.count,
            let before = nodes[producer].inputs.first ?? nil
        {
            source = before
            merged = order.map { inner[$0] }
        }
        nodes[index].inputs = [source]
        if merged == Array(merged.indices) {
            nodes[index].operatorName = OperatorName("Identity")
            nodes[index].version = OperatorTable.newest
            nodes[index].attributes = [:]
            return true
        }
        nodes[index].attributes["perm"] = .ints(merged)
        return false
    }

    /// The order of a transpose, when it is one.
    private func order(_ index: Int) -> [Int]? {
        guard nodes[index].inputs.count == 1, nodes[index].outputs.count == 1,
            nodes[index].attributes.count == 1,
            case .ints(let order)? = nodes[index].attributes["perm"],
            order.sorted() == Array(order.indices)
        else { return nil }
        return order
    }

    private mutating func skipReshape(_ index: Int, _ producers: [Int?]) {
        let node = nodes[index]
        // A 0 copies a size of the shape in between.
        guard node.attributes.isEmpty, node.inputs.count == 2, let input = node.inputs[0],
            let target = node.inputs[1], let shape = self[target].constant?.integers,
            !shape.contains(0), let producer = producers[input.index],
            nodes[producer].operatorName == OperatorName("Reshape"),
            nodes[producer].inputs.count == 2, let source = nodes[producer].inputs[0]
        else { return }
        nodes[index].inputs[0] = source
    }
}
