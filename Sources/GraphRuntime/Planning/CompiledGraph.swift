import Primitives

/// A graph whose passes have run and whose operators are built, weights packed: everything that
/// does not depend on the sizes of a request. Immutable and shared by all threads.
///
/// From here a `Plan` is made for each set of input shapes. Where a shape depends on values (NonZero,
/// a Reshape to a computed target), or with control flow and sequences, the graph runs eagerly:
/// node by node, each planned when the values of its inputs are there (`evaluate`).
public final class CompiledGraph: Sendable {
    public let graph: Graph
    public let name: String
    /// Operators as the file had them, before any pass, with how often each occurs.
    public let operatorCounts: [(name: OperatorName, count: Int)]
    /// Elements of all weights in the file, and their bytes.
    public let parameterCount: Int
    public let parameterByteCount: Int

    /// The passes that ran, with how many nodes fewer each left behind.
    public let passEffects: [(pass: Pass, removed: Int)]

    let operators: [any Operator]
    let limits: Limits
    /// How many nodes read each value, plus one for an output of the graph.
    let useCounts: [Int]
    /// True when the graph has values or operators that no plan can hold.
    public let isEager: Bool

    /// Checks, optimises and builds a graph.
    /// - Parameter passes: what may be rewritten; every choice gives the same answers.
    public init(
        _ graph: Graph, passes: Set<Pass> = Set(Pass.allCases), limits: Limits = .standard
    ) throws(GraphError) {
        name = graph.name
        self.limits = limits
        operatorCounts = Self.count(graph.nodes)
        parameterCount = graph.parameterCount
        parameterByteCount = graph.parameterByteCount
        guard graph.nodes.count <= limits.graphNodesMax else {
            throw GraphError(
                "the graph has \(graph.nodes.count) nodes; at most \(limits.graphNodesMax) are taken"
            )
        }
        var graph = graph
        try graph.sortNodes()
        try graph.writeOutContributed()
        for node in graph.nodes { try OperatorTable.standard.check(node) }
        passEffects = try Pass.run(passes, on: &graph, limits: limits)
        var operators: [any Operator] = []
        operators.reserveCapacity(graph.nodes.count)
        var readers = graph.useCounts()
        for index in graph.nodes.indices {
            let made = try graph.makeOperator(graph.nodes[index])
            graph.release(made.absorbedInputs, of: index, &readers)
            operators.append(made)
        }
        self.graph = graph
        self.operators = operators
        useCounts = graph.useCounts()
        isEager =
            operators.contains { $0 is any ValueOperator }
            || graph.inputs.contains { graph[$0].kind != .tensor }
    }

    /// A plan for inputs of these shapes, which are checked against the declared ones.
    public func plan(inputShapes: [[Int]]) throws(GraphError) -> Plan {
        var builder = PlanBuilder(self)
        return try builder.build(inputShapes: inputShapes)
    }

    private static func count(_ nodes: [Node]) -> [(name: OperatorName, count: Int)] {
        var counts: [OperatorName: Int] = [:]
        for node in nodes { counts[node.operatorName, default: 0] += 1 }
        return counts.map { (name: $0.key, count: $0.value) }.sorted {
            ($1.count, $0.name.description) < ($0.count, $1.name.description)
        }
    }
}

extension Graph {
    /// Elements of all constants, and of the lists of floats that `ai.onnx.ml` nodes have instead.
    var parameterCount: Int {
        let constants = values.reduce(0) { $0 + ($1.constant?.elementCount ?? 0) }
        return constants + floatListCount
    }

    var parameterByteCount: Int {
        let constants = values.reduce(0) { sum, value in
            sum + (value.constant.map { $0.elementCount * $0.dataType.byteCount } ?? 0)
        }
        return constants + floatListCount * 4
    }

    private var floatListCount: Int {
        var count = 0
        for node in nodes {
            for case .floats(let list) in node.attributes.values { count += list.count }
        }
        return count
    }

    /// Takes away the inputs that an operator has taken over, and frees at once what nobody else reads:
    /// weights are there twice only one layer at a time.
    mutating func release(_ absorbed: [Int], of index: Int, _ readers: inout [Int]) {
        for position in absorbed where position < nodes[index].inputs.count {
            guard let id = nodes[index].inputs[position], self[id].constant != nil else { continue }
            nodes[index].inputs[position] = nil
            readers[id.index] -= 1
            if readers[id.index] == 0 { self[id].constant = nil }
        }
    }

    /// Builds the operator of a node. Attributes, arity and constants are checked here.
    func makeOperator(_ node: Node) throws(GraphError) -> any Operator {
        let entry = try OperatorTable.standard.find(node)
        let constants = node.inputs.map { input in input.flatMap { self[$0].constant } }
        let context = OperatorContext(node: node, constants: constants)
        do throws(OperatorFailure) {
            let made = try entry.make(context)
            try context.requireNothingElse()
            return made
        } catch {
            throw GraphError(error.reason, at: node)
        }
    }
}
