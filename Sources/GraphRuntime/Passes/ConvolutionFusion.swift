import Primitives

extension Graph {
    /// Takes the BatchNormalization behind a convolution with constant filters into the filters: the
    /// factor of each channel multiplies its filter, the rest becomes the bias. Answers stay the same
    /// within rounding.
    mutating func fuseBatchNormalizations() {
        var dropped: Set<Int> = []
        let uses = useCounts()
        let producers = producers()
        for index in nodes.indices {
            let node = nodes[index]
            guard node.operatorName == OperatorName("BatchNormalization"), node.inputs.count == 5,
                node.outputs.count == 1, let x = node.inputs[0], uses[x.index] == 1,
                let producer = producers[x.index], let factors = normalizationFactors(node),
                fold(factors, into: producer)
            else { continue }
            nodes[producer].outputs = node.outputs
            dropped.insert(index)
        }
        removeNodes(dropped)
    }

    /// A factor and a shift a channel, when a node's statistics are constant and it does not train.
    private func normalizationFactors(_ node: Node) -> [(factor: Double, shift: Double)]? {
        let known: Set = ["epsilon", "momentum", "training_mode", "spatial"]
        guard node.attributes.keys.allSatisfy({ known.contains($0) }) else { return nil }
        for (name, wanted) in [("training_mode", 0), ("spatial", 1)] {
            if let attribute = node.attributes[name] {
                guard case .int(let value) = attribute, value == wanted else { return nil }
            }
        }
        var epsilon = 1e-5
        if let attribute = node.attributes["epsilon"] {
            guard case .float(let value) = attribute else { return nil }
            epsilon = Double(value)
        }
        var lists: [[Double]] = []
        for input in node.inputs.dropFirst() {
            guard let input, let tensor = self[input].constant, tensor.dataType == .float32,
                tensor.shape.count == 1
            else { return nil }
            lists.append(tensor.reals)
        }
        let count = lists[0].count
        guard lists.allSatisfy({ $0.count == count }) else { return nil }
        return (0..<count).map { channel in
            let factor = lists[0][channel] / (lists[3][channel] + epsilon).squareRoot()
            return (factor, lists[1][channel] - lists[2][channel] * factor)
        }
    }

    private mutating func fold(
        _ factors: [(factor: Double, shift: Double)], into index: Int
    ) -> Bool {
        let conv = nodes[index]
        guard conv.operatorName == OperatorName("Conv"), conv.outputs.count == 1,
            conv.inputs.count == 2 || conv.inputs.count == 3, let weights = conv.inputs[1],
            let filters = self[weights].constant, filters.dataType == .float32,
            filters.shape.count >= 3, filters.shape[0] == factors.count
        else { return false }
        var bias = Array(repeating: 0.0, count: factors.count)
        if conv.inputs.count == 3, let id = conv.inputs[2] {
            guard let tensor = self[id].constant, tensor.dataType == .float32,
                tensor.shape == [factors.count]
            else { return false }
            bias = tensor.reals
        }
        let length = filters.elementCount / max(factors.count, 1)
        let scaled = Tensor(dataType: .float32, shape: filters.shape)
        let source = filters.span(as: Float.self)
        var target = scaled.mutableSpan(as: Float.self)
        for index in source.indices {
            target[index] = Float(Double(source[index]) * factors[index / max(length, 1)].factor)
        }
        let shifted = zip(bias, factors).map { $0 * $1.factor + $1.shift }
        nodes[index].inputs = [
            conv.inputs[0],
            addConstant(
                self[weights].name + "_normalized",
                scaled),
            addConstant(
                self[weights].name + "_shift",
                Tensor(.float32, shape: [factors.count], reals: shifted)),
        ]
        return true
    }
}
