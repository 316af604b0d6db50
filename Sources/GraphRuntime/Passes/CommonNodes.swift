import Primitives

extension Graph {
    /// Computes once what several nodes compute: same operator, same inputs, same attributes.
    mutating func mergeCommonNodes() {
        var first: [String: Int] = [:]
        var replacements: [ValueID: ValueID] = [:]
        var dropped: Set<Int> = []
        let outputIDs = Set(outputs)
        for index in nodes.indices {
            nodes[index].inputs = nodes[index].inputs.map { input in
                input.map { replacements[$0] ?? $0 }
            }
            guard let key = nodes[index].key else { continue }
            guard let earlier = first[key] else {
                first[key] = index
                continue
            }
            let pairs = zip(nodes[index].outputs, nodes[earlier].outputs)
            let canGo = pairs.allSatisfy { mine, other in
                mine == nil || (other != nil && !outputIDs.contains(mine!))
            }
            guard canGo, nodes[index].outputs.count <= nodes[earlier].outputs.count else {
                continue
            }
            for case (let mine?, let other?) in pairs { replacements[mine] = other }
            dropped.insert(index)
        }
        removeNodes(dropped)
    }
}

extension Node {
    /// What a node computes, as text; nil when it has attributes that are not compared.
    fileprivate var key: String? {
        guard captureCount == 0, !RandomOperator.names.contains(operatorName.name) else {
            return nil
        }
        var key = "\(operatorName) \(version) \(outputs.map { $0 != nil })"
        for input in inputs { key += " \(input?.index ?? -1)" }
        for (name, attribute) in attributes.sorted(by: { $0.key < $1.key }) {
            key += " \(name)="
            switch attribute {
            case .int(let value): key += "\(value)"
            case .float(let value): key += "\(value.bitPattern)"
            case .string(let value): key += "\(value.utf8.count):\(value)"
            case .ints(let list): key += "\(list)"
            case .floats(let list): key += "\(list.map(\.bitPattern))"
            case .strings, .tensor, .type, .graph, .other: return nil
            }
        }
        return key
    }
}
