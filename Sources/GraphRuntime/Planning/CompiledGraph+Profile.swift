import Kernels
import Primitives

extension CompiledGraph {
    /// Time that all steps of one operator took.
    public struct ProfileLine: Sendable {
        public let name: OperatorName
        public let stepCount: Int
        /// Nanoseconds a run, the mean of the runs measured.
        public let nanoseconds: Double
    }

    /// What each operator and each fusion costs, dearest first: the mean of `runs` runs on zeros of these
    /// shapes, after one that warms up. Graphs that no plan can be made of are timed node by node; there
    /// making a node's plan counts, too.
    public func profile(inputShapes: [[Int]], runs: Int) throws(GraphError) -> [ProfileLine] {
        let inputs = try zeros(inputShapes)
        if needsValues(inputShapes: inputShapes) {
            return try profileEagerly(inputs.map { .tensor($0) }, runs: max(runs, 1))
        }
        let plan = try plan(inputShapes: inputShapes)
        let workspace = Workspace()
        var times: [UInt64] = Array(repeating: 0, count: plan.stepCount)
        _ = try run(inputs, plan: plan, in: workspace, addingTimesTo: &times)
        times = Array(repeating: 0, count: plan.stepCount)
        for _ in 0..<max(runs, 1) {
            _ = try run(inputs, plan: plan, in: workspace, addingTimesTo: &times)
        }
        return Self.lines(Array(zip(plan.stepOperators, times)), runs: max(runs, 1))
    }

    private func zeros(_ shapes: [[Int]]) throws(GraphError) -> [Tensor] {
        var tensors: [Tensor] = []
        for (id, shape) in zip(graph.inputs, shapes) {
            guard let type = graph[id].dataType, graph[id].kind == .tensor,
                let count = Shape.elementCount(shape, max: limits.tensorElementsMax)
            else { throw GraphError("the input '\(graph[id].name)' has no tensor to try") }
            tensors.append(
                type == .string
                    ? Tensor(shape: shape, strings: Array(repeating: "", count: count))
                    : Tensor(dataType: type, shape: shape))
        }
        return tensors
    }

    private func profileEagerly(
        _ inputs: [RuntimeValue], runs: Int
    ) throws(GraphError) -> [ProfileLine] {
        _ = try evaluateEagerly(inputs)
        var times: [UInt64] = Array(repeating: 0, count: graph.nodes.count)
        for _ in 0..<runs {
            var start = ThreadClock.nanoseconds
            _ = try evaluateEagerly(inputs) { node in
                let end = ThreadClock.nanoseconds
                times[node] += end - start
                start = end
            }
        }
        return Self.lines(Array(zip(graph.nodes.map(\.profileName), times)), runs: runs)
    }

    private static func lines(_ steps: [(OperatorName, UInt64)], runs: Int) -> [ProfileLine] {
        var sums: [OperatorName: (count: Int, time: UInt64)] = [:]
        for (name, time) in steps {
            let sum = sums[name] ?? (0, 0)
            sums[name] = (sum.count + 1, sum.time + time)
        }
        return sums.map { name, sum in
            ProfileLine(
                name: name, stepCount: sum.count, nanoseconds: Double(sum.time) / Double(runs))
        }.sorted { ($1.nanoseconds, $0.name.description) < ($0.nanoseconds, $1.name.description) }
    }
}

extension Node {
    /// The operator, for a profile; a fused one with what was fused into it.
    var profileName: OperatorName {
        guard operatorName.domain == Self.fusedDomain else { return operatorName }
        var parts = [operatorName.name]
        if operatorName.name == "Conv", inputs.count > 3 { parts.append("Add") }
        if attributes["rectifies"] != nil { parts.append("Relu") }
        if case .int(let code)? = attributes["activation"], let raw = UInt8(exactly: code),
            let activation = Activation(rawValue: raw), activation != .none
        {
            parts.append("\(activation)".capitalizedASCII)
        }
        return OperatorName(parts.joined(separator: "+"), domain: operatorName.domain)
    }
}

extension String {
    fileprivate var capitalizedASCII: String { prefix(1).uppercased() + dropFirst() }
}
