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
        let scaled = filters.reals.enumerated().map { $1 * factors[$0 / max(length, 1)].factor }
        let shifted = zip(bias, factors).map { $0 * $1.factor + $1.shift }
        nodes[index].inputs = [
            conv.inputs[0],
            addConstant(
                self[weights].name + "_normalized",
                Tensor(.float32, shape: filters.shape, reals: scaled)),
            addConstant(
                self[weights].name + "_shift",
                Tensor(.float32, shape: [factors.count], reals: shifted)),
        ]
        return true
    }

    /// Makes the GELU that exporters write as x · (1 + erf(x / √2)) · ½, in the orders they write it,
    /// one node.
    mutating func fuseGelu() {
        let uses = useCounts()
        let producers = producers()
        var dropped: Set<Int> = []
        func node(_ id: ValueID?, _ name: String) -> Int? {
            guard let id, let index = producers[id.index], !dropped.contains(index),
                nodes[index].operatorName == OperatorName(name), nodes[index].outputs.count == 1,
                nodes[index].attributes.isEmpty
            else { return nil }
            return index
        }
        /// The other operand of a node one of whose operands is a constant of this value.
        func partner(_ index: Int, of value: Float, isOrdered: Bool = false) -> ValueID? {
            let inputs = nodes[index].inputs
            guard inputs.count == 2, let a = inputs[0], let b = inputs[1] else { return nil }
            if isConstant(b, value) { return a }
            return !isOrdered && isConstant(a, value) ? b : nil
        }
        for last in nodes.indices {
            guard nodes[last].operatorName == OperatorName("Mul"), nodes[last].attributes.isEmpty,
                nodes[last].inputs.count == 2, let output = nodes[last].outputs.first ?? nil
            else { continue }
            // Either (x · e) · ½, or x' · e where x' or e carries the ½.
            var found: (x: ValueID, chain: [Int])?
            let inputs = nodes[last].inputs
            if let whole = partner(last, of: 0.5), let product = node(whole, "Mul") {
                found = geluParts(nodes[product].inputs, node, partner).map {
                    ($0.x, $0.chain + [product])
                }
            } else {
                for (scaled, other) in [(inputs[0], inputs[1]), (inputs[1], inputs[0])] {
                    guard let half = node(scaled, "Mul"), let inner = partner(half, of: 0.5),
                        let parts = geluParts([inner, other], node, partner)
                    else { continue }
                    found = (parts.x, parts.chain + [half])
                    break
                }
            }
            guard let found else { continue }
            // What lies between must be read by nobody else.
            let isPrivate = found.chain.allSatisfy { index in
                (nodes[index].outputs.first ?? nil).map { uses[$0.index] == 1 } ?? false
            }
            guard isPrivate else { continue }
            dropped.formUnion(found.chain)
            nodes[last].operatorName = OperatorName("Gelu")
            nodes[last].version = OperatorTable.newest
            nodes[last].inputs = [found.x]
            nodes[last].outputs = [output]
        }
        removeNodes(dropped)
    }

    /// x and the nodes of e, when the operands are x and e = 1 + erf(x / √2).
    private func geluParts(
        _ inputs: [ValueID?], _ node: (ValueID?, String) -> Int?,
        _ partner: (Int, Float, Bool) -> ValueID?
    ) -> (x: ValueID, chain: [Int])? {
        guard inputs.count == 2 else { return nil }
        for (x, e) in [(inputs[0], inputs[1]), (inputs[1], inputs[0])] {
            guard let x, let sum = node(e, "Add"), let erf = node(partner(sum, 1, false), "Erf"),
                let argument = nodes[erf].inputs.first ?? nil
            else { continue }
            if let quotient = node(argument, "Div"),
                partner(quotient, Float(2).squareRoot(), true) == x
            {
                return (x, [sum, erf, quotient])
            }
            if let product = node(argument, "Mul"),
                partner(product, Float(0.5).squareRoot(), false) == x
            {
                return (x, [sum, erf, product])
            }
        }
        return nil
    }

    /// Whether a value is one float32 constant, within its last digits.
    private func isConstant(_ id: ValueID, _ value: Float) -> Bool {
        guard let tensor = self[id].constant, tensor.dataType == .float32, tensor.elementCount == 1
        else { return false }
        return (tensor.array(as: Float.self)[0] - value).magnitude <= 1e-6
    }
}
