import Primitives

extension Graph {
    /// Makes the GELU that exporters write with erf or tanh one node, in whatever order they multiply:
    /// x · (1 + erf(x / √2)) · ½, x · (1 + tanh(√(2/π) · (x + 0.044715 x³))) · ½.
    mutating func fuseGelu() {
        fuseProducts { matcher, product in
            guard product.factors.count == 2, product.hasCoefficient(0.5) else { return nil }
            for (x, gate) in Self.orders(product.factors) {
                guard let sum = matcher.privateNode(gate, "Add"),
                    let (one, inner, _) = matcher.constantPair(sum), one == 1
                else { continue }
                if let erf = matcher.privateNode(inner, "Erf"),
                    let argument = matcher.inputs(erf).first ?? nil
                {
                    let scaled = matcher.product(argument, depth: 1)
                    guard scaled.factors == [x], scaled.hasCoefficient(0.5.squareRoot()) else {
                        continue
                    }
                    return Found("Gelu", x, [sum, erf] + scaled.nodes)
                }
                if let tanh = matcher.privateNode(inner, "Tanh"),
                    let argument = matcher.inputs(tanh).first ?? nil,
                    let nodes = Self.cubicNodes(argument, x, matcher)
                {
                    return Found(
                        "Gelu", x, [sum, tanh] + nodes, ["approximate": .string("tanh")])
                }
            }
            return nil
        }
    }

    /// Makes x · σ(αx) Swish and x · HardSigmoid(x; ⅙, ½), written as it is or with Clip, HardSwish.
    mutating func fuseSwish() {
        fuseProducts { matcher, product in
            guard product.factors.count == 2 else { return nil }
            for (x, gate) in Self.orders(product.factors) {
                if product.coefficient == 1, let sigmoid = matcher.privateNode(gate, "Sigmoid"),
                    let argument = matcher.inputs(sigmoid).first ?? nil
                {
                    let scaled = matcher.product(argument, depth: 1)
                    guard scaled.factors == [x] else { continue }
                    let alpha = Float(scaled.coefficient)
                    return Found("Swish", x, [sigmoid] + scaled.nodes, ["alpha": .float(alpha)])
                }
                if product.coefficient == 1,
                    let hard = matcher.privateNode(gate, "HardSigmoid"),
                    matcher.inputs(hard) == [x],
                    Self.isFloat(matcher.graph.nodes[hard].attributes["alpha"], 1 / 6),
                    Self.isFloat(matcher.graph.nodes[hard].attributes["beta"] ?? .float(0.5), 0.5)
                {
                    return Found("HardSwish", x, [hard])
                }
                if product.hasCoefficient(1 / 6), let clip = matcher.privateNode(gate, "Clip"),
                    matcher.graph.nodes[clip].attributes.isEmpty,
                    matcher.inputs(clip).count == 3, matcher.scalar(matcher.inputs(clip)[1]) == 0,
                    matcher.scalar(matcher.inputs(clip)[2]) == 6,
                    let sum = matcher.privateNode(matcher.inputs(clip)[0], "Add"),
                    let (three, other, _) = matcher.constantPair(sum), three == 3, other == x
                {
                    return Found("HardSwish", x, [clip, sum])
                }
            }
            return nil
        }
    }

    private struct Found {
        let name: String
        let x: ValueID
        let nodes: [Int]
        let attributes: [String: Attribute]

        init(
            _ name: String, _ x: ValueID, _ nodes: [Int], _ attributes: [String: Attribute] = [:]
        ) {
            (self.name, self.x, self.nodes, self.attributes) = (name, x, nodes, attributes)
        }
    }

    /// Looks at every product, the largest first.
    private mutating func fuseProducts(
        _ find: (GraphMatcher, GraphMatcher.Product) -> Found?
    ) {
        let matcher = GraphMatcher(self)
        var rewrites: [Rewrite] = []
        for index in nodes.indices.reversed() {
            guard
                nodes[index].operatorName == OperatorName("Mul")
                    || nodes[index].operatorName == OperatorName("Div"),
                let output = matcher.output(index)
            else { continue }
            let product = matcher.product(output)
            guard let found = find(matcher, product) else { continue }
            rewrites.append(
                Rewrite(
                    dropped: product.nodes + found.nodes, at: index,
                    node: replacement(of: index, found.name, [found.x], found.attributes)))
        }
        apply(rewrites)
    }

    private static func orders(_ pair: [ValueID]) -> [(ValueID, ValueID)] {
        [(pair[0], pair[1]), (pair[1], pair[0])]
    }

    private static func isFloat(_ attribute: Attribute?, _ wanted: Float) -> Bool {
        guard case .float(let value)? = attribute else { return false }
        return (value - wanted).magnitude < 1e-6
    }

    /// The nodes of √(2/π) · (x + 0.044715 x³), nil when a value is something else.
    private static func cubicNodes(
        _ id: ValueID, _ x: ValueID, _ matcher: GraphMatcher
    ) -> [Int]? {
        let outer = matcher.product(id, depth: 1)
        guard outer.hasCoefficient((2 / Double.pi).squareRoot()), outer.factors.count == 1,
            let sum = matcher.privateNode(outer.factors[0], "Add"),
            matcher.graph.nodes[sum].attributes.isEmpty, matcher.inputs(sum).count == 2,
            let a = matcher.inputs(sum)[0], let b = matcher.inputs(sum)[1],
            let cube = a == x ? b : b == x ? a : nil
        else { return nil }
        let product = matcher.product(cube, depth: 1)
        guard product.hasCoefficient(0.044715) else { return nil }
        if product.factors == [x, x, x] { return outer.nodes + [sum] + product.nodes }
        guard product.factors.count == 1,
            let power = matcher.privateNode(product.factors[0], "Pow"),
            let (three, base, isFirst) = matcher.constantPair(power), three == 3, base == x,
            !isFirst
        else { return nil }
        return outer.nodes + [sum, power] + product.nodes
    }
}
