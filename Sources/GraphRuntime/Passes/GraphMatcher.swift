import Primitives

/// A graph as a pass looks for patterns in it: who makes a value, and who reads it. It shows the graph as
/// it was when the matcher was made.
struct GraphMatcher {
    let graph: Graph
    private let producers: [Int?]
    private let useCounts: [Int]
    /// The nodes that read each value.
    private let readers: [[Int]]

    init(_ graph: Graph) {
        self.graph = graph
        producers = graph.producers()
        useCounts = graph.useCounts()
        var readers: [[Int]] = Array(repeating: [], count: graph.values.count)
        for (index, node) in graph.nodes.enumerated() {
            for case let input? in node.inputs { readers[input.index].append(index) }
        }
        self.readers = readers
    }

    /// The node that makes a value, when it is this operator of the standard with one output.
    func node(_ id: ValueID?, _ name: String) -> Int? {
        guard let id, let index = producers[id.index],
            graph.nodes[index].operatorName == OperatorName(name),
            graph.nodes[index].outputs.count == 1
        else { return nil }
        return index
    }

    /// The node that makes a value.
    func producer(_ id: ValueID) -> Node? { producers[id.index].map { graph.nodes[$0] } }

    /// The node that makes a value, whatever its operator.
    func index(_ id: ValueID) -> Int? { producers[id.index] }

    /// How often a value is read, by nodes or as an output of the graph.
    func useCount(_ id: ValueID) -> Int { useCounts[id.index] }

    /// As `node`, when nobody but one node reads the value.
    func privateNode(_ id: ValueID?, _ name: String) -> Int? {
        guard let id, useCounts[id.index] == 1 else { return nil }
        return node(id, name)
    }

    /// Whether a value is the scale that `DynamicQuantizeLinear` found: one number.
    func isDynamicScale(_ id: ValueID) -> Bool {
        guard let node = producer(id) else { return false }
        return node.operatorName == OperatorName("DynamicQuantizeLinear")
            && node.outputs.count > 1 && node.outputs[1] == id
    }

    /// The only reader of a value that is no output of the graph.
    func onlyReader(_ id: ValueID) -> Int? {
        useCounts[id.index] == 1 ? readers[id.index].first : nil
    }

    /// Whether these nodes read a value, and nobody else.
    func areReaders(_ nodes: [Int], of id: ValueID) -> Bool {
        useCounts[id.index] == nodes.count && readers[id.index].sorted() == nodes.sorted()
    }

    func inputs(_ index: Int) -> [ValueID?] { graph.nodes[index].inputs }

    func output(_ index: Int) -> ValueID? { graph.nodes[index].outputs.first ?? nil }

    /// The number that a constant of one element is.
    func scalar(_ id: ValueID?) -> Double? {
        guard let id, let tensor = graph[id].constant, tensor.elementCount == 1,
            tensor.shape.count <= 1, tensor.dataType != .string
        else { return nil }
        return tensor.reals[0]
    }

    /// The integers of a small constant list.
    func integers(_ id: ValueID?) -> [Int]? {
        guard let id, let tensor = graph[id].constant, tensor.elementCount <= 16 else { return nil }
        return tensor.integers
    }

    /// A node of two inputs, one of which is a constant number: the number and the other input.
    func constantPair(_ index: Int) -> (number: Double, other: ValueID, isFirst: Bool)? {
        let inputs = inputs(index)
        guard inputs.count == 2, graph.nodes[index].attributes.isEmpty, let a = inputs[0],
            let b = inputs[1]
        else { return nil }
        if let number = scalar(b) { return (number, a, false) }
        if let number = scalar(a) { return (number, b, true) }
        return nil
    }

    /// The order of a Transpose that names it.
    func order(_ index: Int) -> [Int]? {
        guard case .ints(let order)? = graph.nodes[index].attributes["perm"] else { return nil }
        return order
    }

    /// A value as a product, with what multiplies and divides it taken apart as far as nobody else reads
    /// the parts. The value's own node is taken apart in any case.
    func product(_ id: ValueID, depth: Int = 0) -> Product {
        guard depth < 8, let index = producers[id.index], graph.nodes[index].attributes.isEmpty,
            depth == 0 || useCounts[id.index] == 1
        else { return Product(factors: [id]) }
        let inputs = inputs(index)
        if node(id, "Mul") != nil, inputs.count == 2, let a = inputs[0], let b = inputs[1] {
            var result = Product(nodes: [index])
            for operand in [a, b] {
                if let number = scalar(operand) {
                    result.coefficient *= number
                } else {
                    result.multiply(product(operand, depth: depth + 1))
                }
            }
            return result
        }
        if node(id, "Div") != nil, inputs.count == 2, let a = inputs[0],
            let number = scalar(inputs[1]), number != 0
        {
            var result = Product(nodes: [index])
            result.multiply(product(a, depth: depth + 1))
            result.coefficient /= number
            return result
        }
        return Product(factors: [id])
    }

    /// coefficient · factor · factor …, and the nodes that make it.
    struct Product {
        var coefficient = 1.0
        var factors: [ValueID] = []
        var nodes: [Int] = []

        mutating func multiply(_ other: Product) {
            coefficient *= other.coefficient
            factors += other.factors
            nodes += other.nodes
        }

        func hasCoefficient(_ wanted: Double) -> Bool {
            (coefficient - wanted).magnitude <= 1e-4 * wanted.magnitude
        }
    }
}

/// What a pass found: the nodes that go, and the one that comes, in the place of the last of them.
struct Rewrite {
    var dropped: [Int]
    var at: Int
    var node: Node
}

extension Graph {
    /// Carries out what a pass found. Findings that share nodes with earlier ones are left out.
    mutating func apply(_ rewrites: [Rewrite]) {
        var gone: Set<Int> = []
        for rewrite in rewrites
        where !rewrite.dropped.contains(where: { gone.contains($0) }) && !gone.contains(rewrite.at)
        {
            gone.formUnion(rewrite.dropped.filter { $0 != rewrite.at })
            nodes[rewrite.at] = rewrite.node
        }
        removeNodes(gone)
    }

    /// A node in the place of another, with its name and its outputs.
    func replacement(
        of index: Int, _ name: String, _ inputs: [ValueID?],
        _ attributes: [String: Attribute] = [:],
        domain: String = ""
    ) -> Node {
        Node(
            name: nodes[index].name, operatorName: OperatorName(name, domain: domain),
            version: domain.isEmpty ? OperatorTable.newest : 1, inputs: inputs,
            outputs: nodes[index].outputs, attributes: attributes,
            position: nodes[index].position)
    }
}
