import Primitives

/// Makes a plan from a compiled graph and concrete input shapes: infers every shape, folds what
/// depends on shapes only, drops what nobody reads, and gives every value its place.
struct PlanBuilder {
    private let compiled: CompiledGraph
    private let graph: Graph
    private var infos: [ValueInfo?]
    /// Nodes that still have to run, in order.
    private var live: [Int] = []
    /// The value whose memory a value lives in: itself, or what it is a view of.
    private var roots: [Int]
    private var operands: [Operand?]
    /// Scratch memory of the live nodes, in the order of `live`.
    private var scratch: [[Operand]] = []
    private var arenaByteCount = 0
    private var stringSlots: [(slot: Int, count: Int)] = []

    init(_ compiled: CompiledGraph) {
        self.compiled = compiled
        graph = compiled.graph
        infos = graph.values.map { value in value.constant.map { ValueInfo($0) } }
        roots = Array(graph.values.indices)
        operands = Array(repeating: nil, count: graph.values.count)
    }

    mutating func build(inputShapes: [[Int]]) throws(GraphError) -> Plan {
        try setInputs(inputShapes)
        try inferAll()
        findLive()
        let copies = try placeAll()
        return try finish(copies)
    }

    // MARK: Shapes

    private mutating func setInputs(_ shapes: [[Int]]) throws(GraphError) {
        guard shapes.count == graph.inputs.count else {
            throw GraphError(
                "\(shapes.count) inputs were given; the model takes \(graph.inputs.count)",
                kind: .input)
        }
        var symbols: [String: Int] = [:]
        for (id, shape) in zip(graph.inputs, shapes) {
            let value = graph[id]
            guard let dataType = value.dataType else {
                throw GraphError("the graph's input '\(value.name)' has no type")
            }
            try value.check(shape, &symbols, compiled.limits)
            infos[id.index] = ValueInfo(dataType, shape)
        }
    }

    private mutating func inferAll() throws(GraphError) {
        var budget = Evaluation.planBytesMax
        for (index, node) in graph.nodes.enumerated() {
            let op = compiled.operators[index]
            let inputs = node.inputs.map { input in input.flatMap { infos[$0.index] } }
            do throws(OperatorFailure) {
                var outputs = try op.infer(Inputs(inputs))
                try checkSizes(outputs)
                if op.isFoldable, outputs.contains(where: { $0.constant == nil }), !inputs.isEmpty,
                    inputs.allSatisfy({ $0 == nil || $0?.constant != nil }),
                    let folded = try Evaluation.run(op, inputs, outputs, budget: &budget)
                {
                    outputs = folded.map { ValueInfo($0) }
                }
                for (output, info) in zip(node.outputs, outputs) {
                    if let output { infos[output.index] = info }
                }
            } catch {
                throw GraphError(error, at: node)
            }
        }
    }

    private func checkSizes(_ outputs: [ValueInfo]) throws(OperatorFailure) {
        let max = compiled.limits.tensorElementsMax
        for info in outputs where Shape.elementCount(info.shape, max: max) == nil {
            throw OperatorFailure(
                "its output of shape \(Shape.text(info.shape)) is larger than a tensor may be")
        }
    }

    private mutating func findLive() {
        var needed = Array(repeating: false, count: graph.values.count)
        for output in graph.outputs { needed[output.index] = true }
        for index in graph.nodes.indices.reversed() {
            let node = graph.nodes[index]
            let isNeeded = node.outputs.contains { output in
                guard let output else { return false }
                return needed[output.index] && infos[output.index]?.constant == nil
            }
            guard isNeeded else { continue }
            live.append(index)
            for case let input? in node.inputs { needed[input.index] = true }
        }
        live.reverse()
    }

    // MARK: Places

    /// Values the graph gives out, in buffers of the caller.
    private func outputBuffer(_ index: Int) -> Int { 1 + graph.inputs.count + index }

    /// Settles every operand. Returns the outputs that must be copied at the end: constants,
    /// inputs passed through, and values given out twice.
    private mutating func placeAll() throws(GraphError) -> [(from: Int, output: Int)] {
        for index in live where compiled.operators[index].isView {
            let node = graph.nodes[index]
            if let input = node.inputs[0], let output = node.outputs[0] {
                roots[output.index] = roots[input.index]
            }
        }
        var places: [Int: (buffer: Int, byteOffset: Int)] = [:]
        for (index, input) in graph.inputs.enumerated() { places[input.index] = (1 + index, 0) }
        var copies: [(from: Int, output: Int)] = []
        for (index, output) in graph.outputs.enumerated() {
            let root = roots[output.index]
            if infos[root]?.constant != nil || places[root] != nil {
                copies.append((output.index, index))
            } else {
                places[root] = (outputBuffer(index), 0)
            }
        }
        try placeInArena(&places)
        for index in infos.indices {
            guard let info = infos[index] else { continue }
            if let constant = info.constant {
                operands[index] = Operand(constant)
            } else if let constant = infos[roots[index]]?.constant {
                operands[index] = Operand(constant.reshaped(info.shape))
            } else if let place = places[roots[index]] {
                operands[index] = Operand(info, buffer: place.buffer, byteOffset: place.byteOffset)
            }
        }
        return copies
    }

    private mutating func placeInArena(
        _ places: inout [Int: (buffer: Int, byteOffset: Int)]
    ) throws(GraphError) {
        var lives: [MemoryPlan.Life] = []
        var owners: [Int] = []
        var lifeOf: [Int: Int] = [:]
        var stringCount = 0
        for (step, index) in live.enumerated() {
            let node = graph.nodes[index]
            for case let value? in node.inputs + node.outputs {
                let root = roots[value.index]
                guard let info = infos[root], info.constant == nil, places[root] == nil else {
                    continue
                }
                if let life = lifeOf[root] {
                    lives[life].last = step
                } else if info.dataType == .string {
                    let slot = outputBuffer(graph.outputs.count + stringCount)
                    stringCount += 1
                    places[root] = (slot, 0)
                    stringSlots.append((slot, info.shape.reduce(1, *)))
                } else {
                    let byteCount = info.shape.reduce(1, *) * info.dataType.byteCount
                    lifeOf[root] = lives.count
                    owners.append(root)
                    lives.append(.init(byteCount: byteCount, first: step, last: step))
                }
            }
        }
        extendToCopies(&lives, lifeOf)
        let firstScratch = lives.count
        let scratchInfos = addScratch(&lives)
        guard let plan = MemoryPlan(lives, byteCountMax: compiled.limits.arenaBytesMax) else {
            throw GraphError(
                "its intermediate values need more than \(compiled.limits.arenaBytesMax) bytes",
                kind: .input)
        }
        for (owner, offset) in zip(owners, plan.offsets) { places[owner] = (0, offset) }
        var next = firstScratch
        for infos in scratchInfos {
            scratch.append(
                infos.enumerated().map { position, info in
                    Operand(info, buffer: 0, byteOffset: plan.offsets[next + position])
                })
            next += infos.count
        }
        arenaByteCount = plan.byteCount
    }

    /// What the live nodes need for themselves, alive during their own step only.
    private func addScratch(_ lives: inout [MemoryPlan.Life]) -> [[ValueInfo]] {
        live.indices.map { step in
            let (inputs, outputs) = operandInfos(graph.nodes[live[step]])
            let infos = compiled.operators[live[step]].scratch(inputs, outputs)
            for info in infos {
                let byteCount = info.shape.reduce(1, *) * info.dataType.byteCount
                lives.append(.init(byteCount: byteCount, first: step, last: step))
            }
            return infos
        }
    }

    private func operandInfos(_ node: Node) -> (Inputs, [ValueInfo]) {
        let inputs = node.inputs.map { input in input.flatMap { infos[$0.index] } }
        let outputs = node.outputs.compactMap { output in output.flatMap { infos[$0.index] } }
        return (Inputs(inputs), outputs)
    }

    /// A value that is copied out at the end lives until then.
    private func extendToCopies(_ lives: inout [MemoryPlan.Life], _ lifeOf: [Int: Int]) {
        for output in graph.outputs {
            if let life = lifeOf[roots[output.index]] { lives[life].last = live.count }
        }
    }

    // MARK: Steps

    private func finish(_ copies: [(from: Int, output: Int)]) throws(GraphError) -> Plan {
        var steps: [any Step] = []
        var places: [String] = []
        var names: [OperatorName] = []
        var operationCount = 0
        for (step, index) in live.enumerated() where !compiled.operators[index].isView {
            let node = graph.nodes[index]
            let op = compiled.operators[index]
            let inputs = node.inputs.map { input in input.flatMap { operands[$0.index] } }
            let outputs = node.outputs.map { output in output.flatMap { operands[$0.index] } }
            do throws(OperatorFailure) {
                steps.append(
                    try op.prepare(Operands(inputs), Operands(outputs, scratch: scratch[step])))
            } catch {
                throw GraphError(error.reason, at: node)
            }
            places.append(node.place)
            names.append(node.profileName)
            let (inputInfos, outputInfos) = operandInfos(node)
            operationCount &+= op.operationCount(inputInfos, outputInfos)
        }
        for copy in copies {
            guard let info = infos[copy.from], let source = operands[copy.from] else {
                throw GraphError("the graph's output \(copy.output) was never made")
            }
            let target = Operand(info, buffer: outputBuffer(copy.output), byteOffset: 0)
            steps.append(CopyStep(source, target))
            places.append("output '\(graph[graph.outputs[copy.output]].name)'")
            names.append(OperatorName("Copy", domain: Node.fusedDomain))
        }
        return Plan(
            inputs: graph.inputs.compactMap { infos[$0.index] },
            outputs: graph.outputs.compactMap { infos[$0.index] },
            arenaByteCount: arenaByteCount, operationCount: operationCount, steps: steps,
            places: places, stepOperators: names,
            bufferCount: outputBuffer(graph.outputs.count) + stringSlots.count,
            stringSlots: stringSlots)
    }
}

extension Dimension {
    /// As messages write it.
    var text: String {
        switch self {
        case .fixed(let size): String(size)
        case .symbol(let name): name
        case .unknown: "-"
        }
    }
}
