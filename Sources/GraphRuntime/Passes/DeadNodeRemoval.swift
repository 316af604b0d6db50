import Primitives

extension Graph {
    /// Drops nodes none of whose outputs is read, and the tensors of constants nobody reads.
    mutating func removeDeadNodes() {
        var needed = Array(repeating: false, count: values.count)
        for output in outputs { needed[output.index] = true }
        var dropped: Set<Int> = []
        for index in nodes.indices.reversed() {
            let isRead = nodes[index].outputs.contains { $0.map { needed[$0.index] } ?? false }
            if isRead {
                for case let input? in nodes[index].inputs { needed[input.index] = true }
            } else {
                dropped.insert(index)
            }
        }
        removeNodes(dropped)
        for index in values.indices where !needed[index] { values[index].constant = nil }
    }
}
