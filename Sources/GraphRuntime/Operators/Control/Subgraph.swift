import Primitives

/// A graph inside a node of control flow, ready to run, with what it reads from the graph around it.
struct Subgraph: Sendable {
    let compiled: CompiledGraph
    /// Inputs the node gives, before the captured ones.
    let formalCount: Int
    /// The node's inputs that are captured values, in the order of the graph's inputs.
    private let captures: [Int]

    /// - Parameter firstCapture: the node's input with the graph's first captured value; moved on to
    ///   that of the node's next graph.
    init(
        _ context: OperatorContext, _ name: String, _ firstCapture: inout Int
    ) throws(OperatorFailure) {
        var graph = try context.graph(name)
        let count = graph.inputs.count - graph.captureCount
        guard count >= 0, firstCapture + graph.captureCount <= context.node.inputs.count else {
            throw OperatorFailure("its graph '\(name)' captures values the node does not have")
        }
        var kept: [ValueID] = Array(graph.inputs.prefix(count))
        var captures: [Int] = []
        for (offset, id) in graph.inputs.dropFirst(count).enumerated() {
            // Constants from outside are constants inside: weights are packed, shapes folded.
            if let constant = context.constant(firstCapture + offset) {
                graph[id].constant = constant
            } else {
                kept.append(id)
                captures.append(firstCapture + offset)
            }
        }
        firstCapture += graph.captureCount
        graph.inputs = kept
        graph.captureCount = captures.count
        formalCount = count
        self.captures = captures
        do throws(GraphError) {
            compiled = try CompiledGraph(graph)
        } catch {
            throw OperatorFailure("in its graph '\(name)', \(error.description)")
        }
    }

    var outputCount: Int { compiled.graph.outputs.count }

    /// Runs the graph on the node's values and the captured ones among `all`.
    func run(
        _ formal: [RuntimeValue], captured all: [RuntimeValue?], _ budget: RunBudget
    ) throws(OperatorFailure) -> [RuntimeValue] {
        guard formal.count == formalCount else {
            throw OperatorFailure(
                "its graph takes \(formalCount) values; \(formal.count) are given")
        }
        try budget.spendTurn()
        var inputs = formal
        for index in captures {
            guard index < all.count, let value = all[index] else {
                throw OperatorFailure("a value its graph reads from outside is left out")
            }
            inputs.append(value)
        }
        do throws(GraphError) {
            return try compiled.evaluateEagerly(inputs, budget)
        } catch {
            throw OperatorFailure("in its graph, \(error.description)")
        }
    }

    /// A tensor of no turns for an output that is collected turn by turn, as far as it is declared.
    func emptyScan(_ output: Int) -> Tensor {
        let value = compiled.graph[compiled.graph.outputs[output]]
        let shape = (value.shape ?? []).map { dimension in
            switch dimension {
            case .fixed(let size): size
            case .symbol, .unknown: 0
            }
        }
        let type = value.dataType ?? .float32
        return type == .string
            ? Tensor(shape: [0] + shape, strings: [])
            : Tensor(dataType: type, shape: [0] + shape)
    }
}

extension RuntimeValue {
    /// The tensor it is; `role` names it in the error when it is none.
    func tensor(_ role: String) throws(OperatorFailure) -> Tensor {
        guard case .tensor(let tensor) = self else {
            throw OperatorFailure("\(role) must be a tensor, but is \(kindName)")
        }
        return tensor
    }

    /// The truth value it holds.
    func flag(_ role: String) throws(OperatorFailure) -> Bool {
        let tensor = try tensor(role)
        guard tensor.dataType == .bool, tensor.elementCount == 1 else {
            throw OperatorFailure("\(role) must be one boolean")
        }
        return tensor.array(as: UInt8.self)[0] != 0
    }

    static func boolean(_ value: Bool) -> RuntimeValue {
        .tensor(Tensor(.bool, shape: [], [UInt8(value ? 1 : 0)]))
    }
}
