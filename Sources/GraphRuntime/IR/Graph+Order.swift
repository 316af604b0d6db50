import Primitives

extension Graph {
    /// Puts the nodes in an order where every value is made before it is read, keeping the order
    /// of the file wherever it allows that. Cost: O(nodes + edges), without recursion.
    ///
    /// Throws when a value is made twice, read but never made, or made from itself.
    public mutating func sortNodes() throws(GraphError) {
        try checkSingleProducers()
        try checkEverythingIsMade()
        let producers = producers()
        var missing = nodes.map { node in
            node.inputs.count { input in input.map { producers[$0.index] != nil } ?? false }
        }
        var readers: [[Int]] = Array(repeating: [], count: nodes.count)
        for (index, node) in nodes.enumerated() {
            for input in node.inputs {
                if let input, let producer = producers[input.index] {
                    readers[producer].append(index)
                }
            }
        }
        var order: [Int] = []
        order.reserveCapacity(nodes.count)
        var ready = nodes.indices.filter { missing[$0] == 0 }
        var next = 0
        while next < ready.count {
            let index = ready[next]
            next += 1
            order.append(index)
            for reader in readers[index] {
                missing[reader] -= 1
                if missing[reader] == 0 { ready.append(reader) }
            }
        }
        guard order.count == nodes.count else {
            let stuck = nodes.indices.first { missing[$0] > 0 } ?? 0
            throw GraphError("the node depends on its own output (a cycle)", at: nodes[stuck])
        }
        if order != Array(nodes.indices) { nodes = order.map { nodes[$0] } }
    }

    private func checkSingleProducers() throws(GraphError) {
        var made = Array(repeating: false, count: values.count)
        for input in inputs {
            if made[input.index] {
                throw GraphError("the graph names its input '\(self[input].name)' twice")
            }
            made[input.index] = true
        }
        for node in nodes {
            for case let output? in node.outputs {
                if made[output.index] || self[output].constant != nil {
                    throw GraphError("'\(self[output].name)' is made a second time", at: node)
                }
                made[output.index] = true
            }
        }
    }

    private func checkEverythingIsMade() throws(GraphError) {
        var known = values.map { $0.constant != nil }
        for input in inputs { known[input.index] = true }
        for node in nodes { for case let output? in node.outputs { known[output.index] = true } }
        for node in nodes {
            for case let input? in node.inputs where !known[input.index] {
                throw GraphError(
                    "its input '\(self[input].name)' is neither an input of the graph, an "
                        + "initializer, nor the output of another node", at: node)
            }
        }
        for output in outputs where !known[output.index] {
            throw GraphError("no node makes the graph's output '\(self[output].name)'")
        }
    }
}
