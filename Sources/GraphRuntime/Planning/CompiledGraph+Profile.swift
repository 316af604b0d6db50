import Primitives

extension CompiledGraph {
    /// Time that all steps of one operator took.
    public struct ProfileLine: Sendable {
        public let name: OperatorName
        public let stepCount: Int
        /// Nanoseconds a run, the mean of the runs measured.
        public let nanoseconds: Double
    }

    /// What each operator costs, dearest first: the mean of `runs` runs on zeros of these shapes, after
    /// one that warms up. Throws with kind `.values` for graphs that no plan can be made of.
    public func profile(inputShapes: [[Int]], runs: Int) throws(GraphError) -> [ProfileLine] {
        let plan = try plan(inputShapes: inputShapes)
        let workspace = Workspace()
        workspace.prepare(for: plan)
        defer { plan.unbind(workspace) }
        for (index, info) in plan.inputs.enumerated() {
            let count = info.shape.reduce(1, *)
            if info.dataType == .string {
                plan.bindInput(
                    index, strings: Array(repeating: "", count: count), start: 0, in: workspace)
            } else {
                let memory = AlignedMemory(byteCount: count * info.dataType.byteCount)
                plan.bindInput(index, memory, byteOffset: 0, in: workspace)
            }
        }
        var strings: [[String]] = []
        for (index, info) in plan.outputs.enumerated() {
            let count = info.shape.reduce(1, *)
            let isString = info.dataType == .string
            strings.append(isString ? Array(repeating: "", count: count) : [])
            if isString {
                plan.exchangeOutput(index, strings: &strings[index], start: 0, in: workspace)
            } else {
                let memory = AlignedMemory(byteCount: count * info.dataType.byteCount)
                plan.bindOutput(index, memory, byteOffset: 0, in: workspace)
            }
        }
        try plan.run(in: workspace)
        var times: [UInt64] = Array(repeating: 0, count: plan.stepCount)
        for _ in 0..<max(runs, 1) { try plan.run(in: workspace, addingTimesTo: &times) }
        var sums: [OperatorName: (count: Int, time: UInt64)] = [:]
        for (name, time) in zip(plan.stepOperators, times) {
            let sum = sums[name] ?? (0, 0)
            sums[name] = (sum.count + 1, sum.time + time)
        }
        return sums.map { name, sum in
            ProfileLine(
                name: name, stepCount: sum.count,
                nanoseconds: Double(sum.time) / Double(max(runs, 1)))
        }.sorted { ($1.nanoseconds, $0.name.description) < ($0.nanoseconds, $1.name.description) }
    }
}
