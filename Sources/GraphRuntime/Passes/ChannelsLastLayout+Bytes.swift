import Primitives

// Quantized images with the channels last.
extension ChannelsLastLayout {
    /// The rank of the image of a convolution of bytes, when all but its image is constant and fits.
    func byteConvolutionRank(_ node: Node) -> Int? {
        let isQuantized = node.operatorName.name == "QLinearConv"
        guard isQuantized || node.operatorName == OperatorName("ConvInteger"),
            node.operatorName.domain.isEmpty || node.operatorName.domain == Node.fusedDomain,
            node.inputs.count > (isQuantized ? 7 : 1), node.inputs.count <= (isQuantized ? 9 : 4),
            node.outputs.count == 1
        else { return nil }
        func constant(_ index: Int) -> Tensor? {
            guard index < node.inputs.count, let id = node.inputs[index] else { return nil }
            return graph[id].constant
        }
        func isLeftOut(_ index: Int) -> Bool {
            index >= node.inputs.count || node.inputs[index] == nil
        }
        let place = isQuantized ? 3 : 1
        guard let weights = constant(place), weights.dataType.isByte, weights.elementCount > 0,
            (3...5).contains(weights.shape.count), fits(node, weights)
        else { return nil }
        let count = weights.shape[0]
        let zero = isQuantized ? 5 : 3
        guard isLeftOut(zero) || constant(zero) != nil,
            WeightScales.zeros(constant(zero), count: count, type: weights.dataType) != nil
        else { return nil }
        if isQuantized {
            guard ByteScale(constant(1), constant(2)) != nil,
                ByteScale(constant(6), constant(7)) != nil, constant(2) != nil, constant(7) != nil,
                WeightScales.list(constant(4), count: count) != nil,
                isLeftOut(8)
                    || (constant(8)?.dataType == .int32 && constant(8)?.elementCount == count)
            else { return nil }
        }
        return weights.shape.count
    }

    private func fits(_ node: Node, _ weights: Tensor) -> Bool {
        guard let attribute = node.attributes["group"] else { return true }
        guard case .int(let groups) = attribute, groups > 0 else { return false }
        return weights.shape[0] % groups == 0
    }

    /// The scales of `DynamicQuantizeLinear`, and their products with constant ones.
    func dynamicScales() -> Set<ValueID> {
        var found: Set<ValueID> = []
        for node in graph.nodes {
            if node.operatorName == OperatorName("DynamicQuantizeLinear") {
                found.formUnion(node.outputs.dropFirst().compactMap { $0 })
            } else if node.operatorName == OperatorName("Mul"), let output = node.outputs.first,
                let output, node.inputs.contains(where: { $0.map(found.contains) ?? false }),
                node.inputs.allSatisfy({ input in
                    guard let input else { return false }
                    let constant = graph[input].constant
                    return found.contains(input)
                        || (constant?.elementCount == 1 && constant?.shape.count ?? 2 <= 1)
                })
            {
                found.insert(output)
            }
        }
        return found
    }

    /// Tables and pairs of bytes, element by element.
    mutating func convertBytes(_ node: Node) -> Bool {
        var made = node
        let places: [Int]
        switch node.operatorName.name {
        case "ByteMap": places = [0]
        case "BytePair": places = [0, 3]
        default: return false
        }
        guard let first = node.inputs[0], let rank = ranks[first.index] else { return false }
        for place in places {
            guard let input = node.inputs[place], ranks[input.index] == rank,
                let twin = twins[input.index]
            else { return false }
            made.inputs[place] = twin
        }
        append(made, rank)
        return true
    }
}
