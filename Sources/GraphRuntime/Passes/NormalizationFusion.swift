import Primitives

extension Graph {
    /// Makes the layer normalisation that exporters write before opset 17 one node:
    /// (x - mean(x)) / √(mean((x - mean(x))²) + ε) · gain + shift over the last dimension; and its form
    /// without means, x / √(mean(x²) + ε) · gain.
    mutating func fuseNormalizations() {
        let matcher = GraphMatcher(self)
        var rewrites: [Rewrite] = []
        for index in nodes.indices.reversed() {
            if nodes[index].operatorName == OperatorName("Add"),
                let found = layerNormalization(index, matcher)
            {
                rewrites.append(found)
            } else if nodes[index].operatorName == OperatorName("Mul"),
                let found = rootMeanSquare(index, matcher)
            {
                rewrites.append(found)
            }
        }
        apply(rewrites)
    }

    private func layerNormalization(_ last: Int, _ matcher: GraphMatcher) -> Rewrite? {
        guard let (shift, scaled) = rowPair(last, matcher),
            let product = matcher.privateNode(scaled, "Mul"),
            let (gain, normal) = rowPair(product, matcher),
            let quotient = matcher.privateNode(normal, "Div"), matcher.inputs(quotient).count == 2,
            let distance = matcher.inputs(quotient)[0],
            let difference = matcher.node(distance, "Sub"), matcher.inputs(difference).count == 2,
            let x = matcher.inputs(difference)[0],
            let mean = matcher.privateNode(matcher.inputs(difference)[1], "ReduceMean"),
            isLastAxisMean(mean, of: x, matcher),
            let deviation = deviation(matcher.inputs(quotient)[1], of: distance, matcher),
            matcher.graph[gain].constant?.shape == matcher.graph[shift].constant?.shape
        else { return nil }
        // Others may read the distance from the mean: it goes with the dead nodes if nobody does.
        return Rewrite(
            dropped: [product, quotient] + deviation.nodes, at: last,
            node: replacement(
                of: last, "LayerNormalization", [x, gain, shift],
                ["axis": .int(-1), "epsilon": .float(deviation.epsilon)]))
    }

    private func rootMeanSquare(_ last: Int, _ matcher: GraphMatcher) -> Rewrite? {
        guard let (gain, normal) = rowPair(last, matcher) else { return nil }
        if let quotient = matcher.privateNode(normal, "Div"), matcher.inputs(quotient).count == 2,
            let x = matcher.inputs(quotient)[0],
            let found = deviation(matcher.inputs(quotient)[1], of: x, matcher)
        {
            return rootMeanSquare(last, x, gain, found, [quotient])
        }
        guard let product = matcher.privateNode(normal, "Mul"), matcher.inputs(product).count == 2
        else { return nil }
        for (x, inverse) in [(0, 1), (1, 0)] {
            guard let x = matcher.inputs(product)[x] else { continue }
            let other = matcher.inputs(product)[inverse]
            var root: (id: ValueID?, node: Int)?
            if let node = matcher.privateNode(other, "Reciprocal") {
                root = (matcher.inputs(node).first ?? nil, node)
            } else if let node = matcher.privateNode(other, "Div"),
                let (one, id, isFirst) = matcher.constantPair(node), one == 1, isFirst
            {
                root = (id, node)
            }
            if let root, let found = deviation(root.id, of: x, matcher) {
                return rootMeanSquare(last, x, gain, found, [product, root.node])
            }
        }
        return nil
    }

    private func rootMeanSquare(
        _ last: Int, _ x: ValueID, _ gain: ValueID, _ found: (nodes: [Int], epsilon: Float),
        _ more: [Int]
    ) -> Rewrite {
        Rewrite(
            dropped: more + found.nodes, at: last,
            node: replacement(
                of: last, "RMSNormalization", [x, gain],
                ["axis": .int(-1), "epsilon": .float(found.epsilon)]))
    }

    /// √(mean(x²) + ε) over the last dimension: its nodes and ε.
    private func deviation(
        _ id: ValueID?, of x: ValueID, _ matcher: GraphMatcher
    ) -> (nodes: [Int], epsilon: Float)? {
        guard let root = matcher.privateNode(id, "Sqrt"),
            let sum = matcher.privateNode(matcher.inputs(root).first ?? nil, "Add"),
            let (epsilon, variance, _) = matcher.constantPair(sum), epsilon >= 0, epsilon < 1,
            let mean = matcher.privateNode(variance, "ReduceMean"),
            let squares = matcher.inputs(mean).first ?? nil,
            isLastAxisMean(mean, of: squares, matcher)
        else { return nil }
        if let power = matcher.privateNode(squares, "Pow"),
            let (two, base, isFirst) = matcher.constantPair(power), two == 2, base == x, !isFirst
        {
            return ([root, sum, mean, power], Float(epsilon))
        }
        guard let product = matcher.privateNode(squares, "Mul"), matcher.inputs(product) == [x, x]
        else { return nil }
        return ([root, sum, mean, product], Float(epsilon))
    }

    /// Whether a ReduceMean keeps its dimensions and goes over the last one of `x`.
    private func isLastAxisMean(_ index: Int, of x: ValueID, _ matcher: GraphMatcher) -> Bool {
        let node = nodes[index]
        guard node.inputs.first == x else { return false }
        if let keeps = node.attributes["keepdims"] {
            guard case .int(1) = keeps else { return false }
        }
        if case .ints(let axes)? = node.attributes["axes"] {
            return axes == [-1] && node.inputs.count == 1
        }
        return node.inputs.count == 2 && matcher.integers(node.inputs[1]) == [-1]
    }

    /// A node of two inputs, one of which is a constant row: the row and the other input.
    private func rowPair(
        _ index: Int, _ matcher: GraphMatcher
    ) -> (row: ValueID, other: ValueID)? {
        let inputs = matcher.inputs(index)
        guard inputs.count == 2, nodes[index].attributes.isEmpty, let a = inputs[0],
            let b = inputs[1]
        else { return nil }
        func isRow(_ id: ValueID) -> Bool {
            guard let tensor = self[id].constant else { return false }
            return tensor.shape.count == 1 && tensor.elementCount > 1
                && (tensor.dataType == .float32 || tensor.dataType.isHalf)
        }
        if isRow(b) { return (b, a) }
        return isRow(a) ? (a, b) : nil
    }
}
