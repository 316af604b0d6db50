import Primitives

/// Walks over the nodes once, in order, and keeps for each value its twin with the channels last.
struct ChannelsLastLayout {
    var graph: Graph
    var nodes: [Node] = []
    /// The twin of a value, by its index.
    var twins: [Int: ValueID] = [:]
    /// Dimensions of values that have a twin.
    var ranks: [Int: Int] = [:]
    /// Values whose own layout nobody has made yet, only their twin.
    var missing: Set<Int> = []

    static let rows = "Rows"
    private static let pools: Set<String> = [
        "MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool",
    ]
    /// Functions of one value element by element.
    private static let unary: Set<String> = [
        "Relu", "Sigmoid", "Tanh", "HardSwish", "HardSigmoid", "LeakyRelu", "Elu", "Selu", "Clip",
        "Gelu", "Softplus", "Softsign", "Mish", "Erf", "Exp", "Sqrt", "Abs", "Neg", "Swish",
        "QuantizeLinear", "DequantizeLinear", "Cast",
    ]
    /// Functions of two values with broadcasting.
    private static let binary: Set<String> = ["Add", "Sub", "Mul", "Div"]

    /// Values that are one number whatever comes in: scales taken at run time.
    var scalars: Set<ValueID> = []

    init(_ graph: Graph) {
        self.graph = graph
        scalars = dynamicScales()
    }

    mutating func run() {
        guard graph.nodes.contains(where: { convolutionRank($0) != nil }) else { return }
        for node in graph.nodes {
            if convert(node) { continue }
            for case let input? in node.inputs { restore(input) }
            nodes.append(node)
        }
        for output in graph.outputs { restore(output) }
        graph.nodes = nodes
    }

    // MARK: What is converted

    private mutating func convert(_ node: Node) -> Bool {
        guard node.captureCount == 0, node.graphOrder.isEmpty, node.outputs.count == 1 else {
            return false
        }
        if let rank = convolutionRank(node) { return convertConvolution(node, rank) }
        if node.operatorName.domain == Node.fusedDomain { return convertBytes(node) }
        guard node.operatorName.domain.isEmpty else { return false }
        let name = node.operatorName.name
        if Self.pools.contains(name) { return convertPool(node) }
        if Self.unary.contains(name) { return convertUnary(node) }
        if Self.binary.contains(name) { return convertBinary(node) }
        return name == "Concat" && convertConcat(node)
    }

    /// The rank of a convolution's image, when it can be computed with the channels last and gains by it.
    private func convolutionRank(_ node: Node) -> Int? {
        if let rank = byteConvolutionRank(node) { return rank }
        guard node.operatorName.name == "Conv", node.inputs.count >= 2,
            node.operatorName.domain.isEmpty || node.operatorName.domain == Node.fusedDomain,
            node.outputs.count == 1, let id = node.inputs[1], let weights = graph[id].constant,
            weights.dataType == .float32, (3...5).contains(weights.shape.count),
            weights.elementCount > 0
        else { return nil }
        var groups = 1
        if let attribute = node.attributes["group"] {
            guard case .int(let value) = attribute, value > 0 else { return nil }
            groups = value
        }
        let (filters, channels) = (weights.shape[0], weights.shape[1])
        guard filters % groups == 0 else { return nil }
        let isDepthwise = channels == 1 && filters == groups
        return groups == 1 || isDepthwise || (channels >= 4 && filters / groups >= 8)
            ? weights.shape.count : nil
    }

    private mutating func convertConvolution(_ node: Node, _ rank: Int) -> Bool {
        guard let x = node.inputs[0], let twin = image(node, x, rank) else { return false }
        var made = node
        made.operatorName = OperatorName(
            node.operatorName.name + Self.rows, domain: Node.fusedDomain)
        made.version = 1
        made.inputs[0] = twin
        if node.operatorName.name == "Conv", node.inputs.count > 3, let residual = node.inputs[3] {
            guard let other = self.twin(residual, rank) else { return false }
            made.inputs[3] = other
        }
        append(made, rank)
        return true
    }

    /// The image that a convolution reads. A given image of one channel is not turned, only seen otherwise.
    private mutating func image(_ node: Node, _ x: ValueID, _ rank: Int) -> ValueID? {
        var groups = 1
        if case .int(let value)? = node.attributes["group"] { groups = value }
        guard twins[x.index] == nil, graph.inputs.contains(x), groups == 1,
            let weights = node.inputs[1], graph[weights].constant?.shape[1] == 1
        else { return twin(x, rank) }
        let plain = graph.addValue(graph[x].name + "_plain")
        let twin = graph.addValue(graph[x].name + "_rows")
        for (name, from, to, axis) in [
            ("Squeeze", x, plain, 1), ("Unsqueeze", plain, twin, rank - 1),
        ] {
            let axes = graph.addConstant(
                graph[to].name + "_axis", Tensor(.int64, shape: [1], [Int64(axis)]))
            nodes.append(
                Node(
                    name: graph[to].name, operatorName: OperatorName(name),
                    version: OperatorTable.newest, inputs: [from, axes], outputs: [to],
                    attributes: [:], position: nodes.count))
        }
        twins[x.index] = twin
        ranks[x.index] = rank
        return twin
    }

    private mutating func convertPool(_ node: Node) -> Bool {
        guard node.inputs.count == 1, let x = node.inputs[0], let rank = ranks[x.index],
            let twin = twin(x, rank)
        else { return false }
        var made = node
        made.operatorName = OperatorName(
            node.operatorName.name + Self.rows, domain: Node.fusedDomain)
        made.version = 1
        made.inputs = [twin]
        append(made, rank)
        return true
    }

    private mutating func convertUnary(_ node: Node) -> Bool {
        guard let x = node.inputs.first ?? nil, let rank = ranks[x.index],
            let twin = twins[x.index],
            node.inputs.dropFirst().allSatisfy({ $0 == nil || isScalar($0) })
        else { return false }
        var made = node
        made.inputs[0] = twin
        append(made, rank)
        return true
    }

    private mutating func convertBinary(_ node: Node) -> Bool {
        guard node.inputs.count == 2, let a = node.inputs[0], let b = node.inputs[1],
            let rank = ranks[a.index] ?? ranks[b.index]
        else { return false }
        var made = node
        for (position, input) in [a, b].enumerated() {
            if ranks[input.index] == rank, let twin = twins[input.index] {
                made.inputs[position] = twin
            } else if !isScalar(input) {
                guard let turned = turnedConstant(input, rank) else { return false }
                made.inputs[position] = turned
            }
        }
        append(made, rank)
        return true
    }

    /// Channels put behind one another.
    private mutating func convertConcat(_ node: Node) -> Bool {
        guard case .int(let axis)? = node.attributes["axis"], let first = node.inputs.first ?? nil,
            let rank = ranks[first.index], axis == 1 || axis == 1 - rank
        else { return false }
        var made = node
        for (position, input) in node.inputs.enumerated() {
            guard let input, ranks[input.index] == rank, let twin = twins[input.index] else {
                return false
            }
            made.inputs[position] = twin
        }
        made.attributes["axis"] = .int(rank - 1)
        append(made, rank)
        return true
    }

    // MARK: Twins

    func isScalar(_ id: ValueID?) -> Bool {
        if let id, scalars.contains(id) { return true }
        guard let id, let constant = graph[id].constant else { return false }
        return constant.elementCount == 1 && constant.shape.count <= 1
    }

    /// A constant that broadcasts along an image, turned.
    private mutating func turnedConstant(_ id: ValueID, _ rank: Int) -> ValueID? {
        guard let constant = graph[id].constant, constant.dataType == .float32,
            constant.shape.count <= rank
        else { return nil }
        let shape = Array(repeating: 1, count: rank - constant.shape.count) + constant.shape
        let channels = shape[1]
        // A value a channel, or one for all: the order of the values stays.
        guard shape.reduce(1, *) == channels else { return nil }
        let turned = Array(repeating: 1, count: rank - 1) + [channels]
        return graph.addConstant(graph[id].name + "_rows", constant.reshaped(turned))
    }

    /// Adds a node that makes the twin of its node's output.
    mutating func append(_ node: Node, _ rank: Int) {
        var node = node
        if let output = node.outputs[0] {
            let twin = graph.addValue(graph[output].name + "_rows")
            twins[output.index] = twin
            ranks[output.index] = rank
            missing.insert(output.index)
            node.outputs = [twin]
        }
        nodes.append(node)
    }

    /// The value with the channels last, turned here if there is none yet.
    private mutating func twin(_ id: ValueID, _ rank: Int) -> ValueID? {
        if let twin = twins[id.index] { return ranks[id.index] == rank ? twin : nil }
        if graph[id].constant != nil { return nil }
        let twin = graph.addValue(graph[id].name + "_rows")
        nodes.append(turn(id, twin, [0] + Array(2..<rank) + [1]))
        twins[id.index] = twin
        ranks[id.index] = rank
        return twin
    }

    /// Makes the value itself, if only its twin is there.
    private mutating func restore(_ id: ValueID) {
        guard missing.remove(id.index) != nil, let twin = twins[id.index],
            let rank = ranks[id.index]
        else { return }
        nodes.append(turn(twin, id, [0, rank - 1] + Array(1..<rank - 1)))
    }

    private func turn(_ from: ValueID, _ to: ValueID, _ order: [Int]) -> Node {
        Node(
            name: graph[to].name, operatorName: OperatorName("Transpose"),
            version: OperatorTable.newest, inputs: [from], outputs: [to],
            attributes: ["perm": .ints(order)], position: nodes.count)
    }
}
