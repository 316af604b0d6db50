import Primitives

extension Graph {
    /// Makes softmax(q · kᵀ · scale + mask) · v one node, with the transposes of the heads in front of it
    /// and behind it: what torch exports for its own attention and for that of transformers.
    ///
    /// It takes heads in tensors of four dimensions, which a transpose among them shows.
    mutating func fuseAttention() {
        guard !hasDoubles else { return }
        let matcher = GraphMatcher(self)
        var rewrites: [Rewrite] = []
        for index in nodes.indices where nodes[index].operatorName == OperatorName("MatMul") {
            if let found = attention(index, matcher) { rewrites.append(found) }
        }
        apply(rewrites)
    }

    /// Whether float64 may flow through the graph: the fused node has none.
    private var hasDoubles: Bool {
        values.contains { $0.dataType == .float64 }
            || nodes.contains { node in
                guard node.operatorName == OperatorName("Cast"),
                    case .int(let code)? = node.attributes["to"]
                else { return false }
                return CastOperator.dataType(code) == .float64
            }
    }

    private struct Scores {
        let (q, k): (ValueID, ValueID)
        let mask: ValueID?
        let scale: Double
        let nodes: [Int]
    }

    private func attention(_ last: Int, _ matcher: GraphMatcher) -> Rewrite? {
        guard matcher.inputs(last).count == 2,
            let (softmax, guardNodes) = softmax(matcher.inputs(last)[0], matcher),
            isOverLastOfFour(nodes[softmax]), let v = matcher.inputs(last)[1],
            let input = matcher.inputs(softmax).first ?? nil, let scores = scores(input, matcher)
        else { return nil }
        var layouts = [0, 0, 0, 0]
        var places = [scores.q, scores.k, v]
        var hasTranspose = false
        // k comes transposed for the product: [b, n, d, l].
        layouts[1] = HeadLayout.transposed.rawValue
        let known: [[([Int], HeadLayout)]] = [
            [([0, 2, 1, 3], .rowsFirst)],
            [([0, 2, 3, 1], .rowsFirst), ([0, 1, 3, 2], .headsFirst)],
            [([0, 2, 1, 3], .rowsFirst)],
        ]
        var (scale, dropped) = (scores.scale, scores.nodes + guardNodes + [softmax, last])
        for (operand, orders) in known.enumerated() {
            if operand < 2, let factor = matcher.privateNode(places[operand], "Mul"),
                let (number, other, _) = matcher.constantPair(factor), number != 0
            {
                scale *= number
                places[operand] = other
                dropped.append(factor)
            }
            guard let node = matcher.node(places[operand], "Transpose"),
                let order = matcher.order(node)
            else { continue }
            if order.count == 4 { hasTranspose = true }
            guard let layout = orders.first(where: { $0.0 == order })?.1,
                let source = matcher.inputs(node).first ?? nil
            else { continue }
            layouts[operand] = layout.rawValue
            places[operand] = source
        }
        // Keys transposed twice: to heads, then for the product.
        if layouts[1] == HeadLayout.headsFirst.rawValue,
            let node = matcher.node(places[1], "Transpose"), matcher.order(node) == [0, 2, 1, 3],
            let source = matcher.inputs(node).first ?? nil
        {
            layouts[1] = HeadLayout.rowsFirst.rawValue
            places[1] = source
        }
        var at = last
        if let output = matcher.output(last), let reader = matcher.onlyReader(output),
            nodes[reader].operatorName == OperatorName("Transpose"),
            matcher.order(reader) == [0, 2, 1, 3]
        {
            layouts[3] = HeadLayout.rowsFirst.rawValue
            hasTranspose = true
            dropped.append(reader)
            at = reader
        }
        guard hasTranspose else { return nil }
        return Rewrite(
            dropped: dropped, at: at,
            node: replacement(
                of: at, "Attention", [places[0], places[1], places[2]] + [scores.mask],
                [
                    "layouts": .ints(layouts), "scale": .float(Float(scale)),
                    "zeroesNaN": .int(guardNodes.isEmpty ? 0 : 1),
                ],
                domain: Node.fusedDomain
            ).trimmed())
    }

    /// The softmax that makes a value, with what exporters write behind it for rows that are masked as a
    /// whole: Where(IsNaN(p), 0, p).
    private func softmax(
        _ id: ValueID?, _ matcher: GraphMatcher
    ) -> (softmax: Int, guardNodes: [Int])? {
        if let softmax = matcher.privateNode(id, "Softmax") { return (softmax, []) }
        guard let choice = matcher.privateNode(id, "Where"), matcher.inputs(choice).count == 3,
            let test = matcher.privateNode(matcher.inputs(choice)[0], "IsNaN"),
            matcher.scalar(matcher.inputs(choice)[1]) == 0,
            let probabilities = matcher.inputs(choice)[2],
            matcher.inputs(test) == [probabilities],
            matcher.areReaders([choice, test], of: probabilities),
            let softmax = matcher.node(probabilities, "Softmax")
        else { return nil }
        return (softmax, [choice, test])
    }

    /// q · k, scaled by a constant, with a mask added before or after nothing else.
    private func scores(_ id: ValueID, _ matcher: GraphMatcher) -> Scores? {
        if let found = product(id, matcher) { return found }
        guard let sum = matcher.privateNode(id, "Add"), nodes[sum].attributes.isEmpty,
            matcher.inputs(sum).count == 2, let a = matcher.inputs(sum)[0],
            let b = matcher.inputs(sum)[1]
        else { return nil }
        for (inner, mask) in [(a, b), (b, a)] {
            guard let found = product(inner, matcher) else { continue }
            return Scores(
                q: found.q, k: found.k, mask: mask, scale: found.scale, nodes: found.nodes + [sum])
        }
        return nil
    }

    private func product(_ id: ValueID, _ matcher: GraphMatcher) -> Scores? {
        var (id, scale, nodes): (ValueID, Double, [Int]) = (id, 1, [])
        if let division = matcher.privateNode(id, "Div"),
            let (number, other, isFirst) = matcher.constantPair(division), !isFirst, number != 0
        {
            (id, scale, nodes) = (other, 1 / number, [division])
        } else if let factor = matcher.privateNode(id, "Mul"),
            let (number, other, _) = matcher.constantPair(factor), number != 0
        {
            (id, scale, nodes) = (other, number, [factor])
        }
        guard let matMul = matcher.privateNode(id, "MatMul"), matcher.inputs(matMul).count == 2,
            let q = matcher.inputs(matMul)[0], let k = matcher.inputs(matMul)[1],
            self[q].constant == nil, self[k].constant == nil
        else { return nil }
        return Scores(q: q, k: k, mask: nil, scale: scale, nodes: nodes + [matMul])
    }

    /// A softmax over the last dimension; before opset 13 axis 3 of four.
    private func isOverLastOfFour(_ node: Node) -> Bool {
        var axis = node.version < 13 ? 1 : -1
        if let attribute = node.attributes["axis"] {
            guard case .int(let value) = attribute else { return false }
            axis = value
        }
        return axis == 3 || axis == -1
    }
}

extension Node {
    /// Without left-out inputs at the end.
    fileprivate func trimmed() -> Node {
        var node = self
        while node.inputs.last == .some(nil) { node.inputs.removeLast() }
        return node
    }
}
