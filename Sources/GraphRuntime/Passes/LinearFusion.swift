import Primitives

extension Node {
    /// The domain of operators that only passes make.
    package static let fusedDomain = "martlet"

    fileprivate static let linear = OperatorName("Linear", domain: fusedDomain)
    fileprivate static let convolution = OperatorName("Conv", domain: fusedDomain)
}

extension Graph {
    /// Makes one layer of MatMul with constant weights and the Add of a constant row behind it, and
    /// of Gemm with constant weights and bias.
    mutating func fuseLinear() {
        var dropped: Set<Int> = []
        let uses = useCounts()
        var readers: [[Int]] = Array(repeating: [], count: values.count)
        for (index, node) in nodes.enumerated() {
            for case let input? in node.inputs { readers[input.index].append(index) }
        }
        for index in nodes.indices {
            switch nodes[index].operatorName {
            case OperatorName("Gemm"): fuseGemm(index)
            case OperatorName("MatMul"):
                guard isMatrix(nodes[index].inputs, 1) else { continue }
                guard let output = nodes[index].outputs.first.flatMap({ $0 }) else { continue }
                let reader = uses[output.index] == 1 ? readers[output.index].first : nil
                if let reader, fuseAdd(reader, behind: index, reading: output) {
                    dropped.insert(index)
                }
            default: break
            }
        }
        removeNodes(dropped)
    }

    /// Whether an input is a constant float32 matrix.
    private func isMatrix(_ inputs: [ValueID?], _ position: Int) -> Bool {
        guard inputs.count > position, let id = inputs[position], let tensor = self[id].constant
        else { return false }
        return tensor.dataType == .float32 && tensor.shape.count == 2
    }

    /// MatMul and the Add at `index` become one node in the Add's place.
    private mutating func fuseAdd(
        _ index: Int, behind product: Int, reading output: ValueID
    ) -> Bool {
        let (add, matMul) = (nodes[index], nodes[product])
        // An attribute that does not belong there is for the operator itself to refuse.
        guard add.attributes.isEmpty, matMul.attributes.isEmpty,
            add.operatorName == OperatorName("Add"), add.inputs.count == 2,
            add.outputs.count == 1, matMul.inputs.count == 2, matMul.outputs.count == 1,
            let weights = matMul.inputs[1],
            let other = add.inputs[0] == output ? add.inputs[1] : add.inputs[0],
            let columns = self[weights].constant?.shape[1], let bias = self[other].constant,
            bias.dataType == .float32, bias.elementCount == columns, bias.shape.last == columns
        else { return false }
        nodes[index].operatorName = Node.linear
        nodes[index].version = 1
        nodes[index].inputs = [matMul.inputs[0], weights, other]
        nodes[index].attributes = ["biasRank": .int(bias.shape.count)]
        nodes[index].name = matMul.name.isEmpty ? add.name : matMul.name
        nodes[index].position = matMul.position
        return true
    }

    private mutating func fuseGemm(_ index: Int) {
        let node = nodes[index]
        guard node.outputs.count == 1, node.inputs.count <= 3, isMatrix(node.inputs, 1),
            let weights = node.inputs[1],
            let matrix = self[weights].constant, node.int("transA", default: 0) == 0,
            node.attributes.keys.allSatisfy({ ["alpha", "beta", "transA", "transB"].contains($0) }),
            let alpha = node.float("alpha", default: 1), let beta = node.float("beta", default: 1),
            let transposes = node.int("transB", default: 0)
        else { return }
        var inputs = [node.inputs[0], weights]
        if node.inputs.count == 3, let id = node.inputs[2] {
            let columns = matrix.shape[transposes != 0 ? 0 : 1]
            guard let c = self[id].constant, let row = GemmOperator.scaledRow(c, columns, by: beta)
            else { return }
            inputs.append(addConstant(self[id].name + "_row", row))
        }
        nodes[index].operatorName = Node.linear
        nodes[index].version = 1
        nodes[index].inputs = inputs
        nodes[index].attributes = [
            "transposed": .int(transposes != 0 ? 1 : 0), "scale": .float(alpha), "rank": .int(2),
        ]
    }

    /// Makes Relu, Sigmoid or Tanh behind a layer part of it, and Relu behind a convolution.
    mutating func fuseActivations() {
        var dropped: Set<Int> = []
        let uses = useCounts()
        let producers = producers()
        for index in nodes.indices {
            let node = nodes[index]
            guard let activation = node.activation, node.attributes.isEmpty,
                node.inputs.count == 1, node.outputs.count == 1,
                let input = node.inputs[0], uses[input.index] == 1,
                let producer = producers[input.index]
            else { continue }
            if nodes[producer].operatorName == OperatorName("Conv")
                || nodes[producer].operatorName == Node.convolution, activation == .relu,
                nodes[producer].attributes["rectifies"] == nil
            {
                nodes[producer].operatorName = Node.convolution
                nodes[producer].version = 1
                nodes[producer].attributes["rectifies"] = .int(1)
            } else if nodes[producer].operatorName == Node.linear,
                nodes[producer].attributes["activation"] == nil
            {
                nodes[producer].attributes["activation"] = .int(Int(activation.rawValue))
            } else {
                continue
            }
            nodes[producer].outputs = node.outputs
            dropped.insert(index)
        }
        removeNodes(dropped)
    }
}

extension Node {
    fileprivate var activation: Activation? {
        switch operatorName {
        case OperatorName("Relu"): .relu
        case OperatorName("Sigmoid"): .sigmoid
        case OperatorName("Tanh"): .tanh
        default: nil
        }
    }

    /// An attribute's value, nil when it has another type.
    fileprivate func int(_ name: String, default value: Int) -> Int? {
        guard let attribute = attributes[name] else { return value }
        if case .int(let found) = attribute { return found }
        return nil
    }

    fileprivate func float(_ name: String, default value: Float) -> Float? {
        guard let attribute = attributes[name] else { return value }
        if case .float(let found) = attribute { return found }
        return nil
    }
}
