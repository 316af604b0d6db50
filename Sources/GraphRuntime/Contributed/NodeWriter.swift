import Primitives

/// Writes one node of `com.microsoft` as nodes of the standard, which have the kernels and fusions.
///
/// It stands before every pass, so that nothing behind it knows of these operators. Shapes are not known
/// yet, only constants: what depends on a rank goes through operators of ours (`PermuteOperator`).
struct NodeWriter {
    /// The node that is written out; its attributes and constants are read through here.
    let context: OperatorContext
    private let graph: Graph
    private var firstNewValue: Int
    private(set) var values: [Value] = []
    private(set) var nodes: [Node] = []

    init(_ node: Node, in graph: Graph, newValues: Int) {
        let constants = node.inputs.map { input in input.flatMap { graph[$0].constant } }
        context = OperatorContext(node: node, constants: constants)
        self.graph = graph
        firstNewValue = graph.values.count + newValues
    }

    /// The value of an input, nil where it is left out.
    func input(_ index: Int) -> ValueID? {
        index < context.inputCount ? context.node.inputs[index] : nil
    }

    /// The value of an input that must be there.
    func required(_ index: Int) throws(OperatorFailure) -> ValueID {
        guard let id = input(index) else {
            throw OperatorFailure("its input \(index) is left out, but it is required")
        }
        return id
    }

    // MARK: Constants

    mutating func constant(_ tensor: Tensor) -> ValueID {
        add(
            Value(
                name: "\(context.node.name)_constant\(values.count)", dataType: tensor.dataType,
                shape: tensor.shape.map { .fixed($0) }, constant: tensor))
    }

    mutating func integers(_ list: [Int]) -> ValueID {
        constant(Tensor(.int64, shape: [list.count], list.map { Int64($0) }))
    }

    /// A number of the type that another value has.
    mutating func scalar(_ number: Double, like other: ValueID) -> ValueID {
        let plain = constant(Tensor(.float32, shape: [], [Float(number)]))
        switch other.index < graph.values.count ? graph[other].dataType : nil {
        case .float32: return plain
        case .none, .float64, .float16, .bfloat16, .int8, .int16, .int32, .int64, .uint8, .uint16,
            .uint32, .uint64, .bool, .string:
            return write("CastLike", [plain, other])
        }
    }

    private mutating func add(_ value: Value) -> ValueID {
        values.append(value)
        return ValueID(firstNewValue + values.count - 1)
    }

    // MARK: Nodes

    /// Writes a node and gives its only output.
    @discardableResult
    mutating func write(
        _ name: String, _ inputs: [ValueID?], _ attributes: [String: Attribute] = [:],
        domain: String = ""
    ) -> ValueID {
        write(name, inputs, attributes, domain: domain, outputs: 1)[0]
    }

    /// Writes a node with several outputs.
    mutating func write(
        _ name: String, _ inputs: [ValueID?], _ attributes: [String: Attribute] = [:],
        domain: String = "", outputs count: Int
    ) -> [ValueID] {
        let outputs = (0..<count).map { _ in
            add(Value(name: "\(context.node.name)_\(name)\(values.count)"))
        }
        var inputs = inputs
        while inputs.last == .some(nil) { inputs.removeLast() }
        nodes.append(
            Node(
                name: context.node.name, operatorName: OperatorName(name, domain: domain),
                version: domain.isEmpty ? OperatorTable.newest : 1, inputs: inputs,
                outputs: outputs.map { $0 }, attributes: attributes,
                position: context.node.position))
        return outputs
    }

    /// Makes a value the node's output at `index`, if somebody asked for that.
    mutating func give(_ value: ValueID, as index: Int = 0) {
        guard context.hasOutput(index), let output = context.node.outputs[index] else { return }
        nodes.append(
            Node(
                name: context.node.name, operatorName: OperatorName("Identity"),
                version: OperatorTable.newest, inputs: [value], outputs: [output],
                position: context.node.position))
    }

    // MARK: Phrases

    mutating func reshape(_ x: ValueID, _ shape: [Int]) -> ValueID {
        write("Reshape", [x, integers(shape)])
    }

    mutating func transpose(_ x: ValueID, _ order: [Int]) -> ValueID {
        write("Transpose", [x], ["perm": .ints(order)])
    }

    /// Dimensions in another order, whatever their number.
    mutating func permute(_ x: ValueID, _ order: PermuteOperator.Order) -> ValueID {
        write("Permute", [x], ["order": .int(order.rawValue)], domain: Node.fusedDomain)
    }

    /// x + bias, where there is one.
    mutating func sum(_ x: ValueID, _ bias: ValueID?) -> ValueID {
        bias.map { write("Add", [x, $0]) } ?? x
    }

    mutating func dequantized(_ x: ValueID, _ scale: ValueID, _ zero: ValueID?) -> ValueID {
        write("DequantizeLinear", [x, scale, zero])
    }

    /// Quantized to the type of `zero`, or of `like` where no zero point is given.
    mutating func quantized(
        _ x: ValueID, _ scale: ValueID, _ zero: ValueID?, like other: ValueID
    ) -> ValueID {
        if let zero { return write("QuantizeLinear", [x, scale, zero]) }
        let plain = constant(Tensor(.int32, shape: [], [Int32(0)]))
        return write("QuantizeLinear", [x, scale, write("CastLike", [plain, other])])
    }
}

extension Graph {
    /// Writes nodes of `com.microsoft` (and what ONNX Runtime puts into the standard's domain) as nodes
    /// of the standard, where a rule is known. Throws what a rule has against its node.
    mutating func writeOutContributed() throws(GraphError) {
        let rules = ContributedRules.all
        guard nodes.contains(where: { rules[$0.operatorName] != nil }) else { return }
        var (made, added): ([Node], [Value]) = ([], [])
        for node in nodes {
            guard let rule = rules[node.operatorName] else {
                made.append(node)
                continue
            }
            var writer = NodeWriter(node, in: self, newValues: added.count)
            do throws(OperatorFailure) {
                try rule(&writer)
                try writer.context.requireNothingElse()
            } catch {
                throw GraphError(error.reason, at: node)
            }
            made += writer.nodes
            added += writer.values
        }
        nodes = made
        values += added
    }
}
