import Primitives

extension Graph {
    /// Computes on bytes what stands between `DequantizeLinear` and `QuantizeLinear`: convolutions and
    /// products with constant weights as exact sums of integers, sums and products of two tensors,
    /// functions of one as tables, and what only moves values.
    ///
    /// Answers stay the same within a step of the quantization: a convolution is rounded once, from an
    /// exact sum, where float32 rounds every term.
    /// - Throws: what an operator has against one of its nodes.
    mutating func fuseQuantized(_ limits: Limits) throws(GraphError) {
        guard
            nodes.contains(where: {
                ["DequantizeLinear", "MatMulInteger"].contains($0.operatorName.name)
            })
        else { return }
        // Scales as exporters write them, and weights that the file has as floats to be quantized.
        try foldConstants(limits) {
            $0 == OperatorName("Constant") || $0 == OperatorName("QuantizeLinear")
        }
        // What reads a value is what decides; nodes that hand it on only hide it.
        removeIdentities()
        var fusion = QuantizedFusion(self)
        try fusion.run(limits)
        self = fusion.graph
        dropUnreadDequantizers()
    }

    /// What is read as bytes now must not be folded to float32 weights.
    private mutating func dropUnreadDequantizers() {
        let uses = useCounts()
        removeNodes(
            Set(
                nodes.indices.filter { index in
                    nodes[index].operatorName == OperatorName("DequantizeLinear")
                        && nodes[index].outputs.allSatisfy {
                            $0.map { uses[$0.index] == 0 } ?? true
                        }
                }))
    }
}

/// Finds what can be computed on bytes, and writes it.
struct QuantizedFusion {
    var graph: Graph
    let matcher: GraphMatcher
    /// Nodes that go.
    private var dropped: Set<Int> = []
    /// What comes in the place of a node.
    private var made: [Int: [Node]] = [:]

    init(_ graph: Graph) {
        self.graph = graph
        matcher = GraphMatcher(graph)
    }

    /// A tensor of bytes, and how they stand for numbers.
    struct Source {
        let bytes: ValueID
        let scale: ValueID
        let zero: ValueID?
        let meaning: ByteScale

        var inputs: [ValueID?] { [bytes, scale, zero] }
    }

    /// A `QuantizeLinear` that is being replaced.
    struct Target {
        let index: Int
        let scale: ValueID
        let zero: ValueID?
        let meaning: ByteScale
        /// Nodes in front of it that only hold values inside of a range, and what is left of the
        /// bytes, counted from the least on.
        var clamps: [Int] = []
        var range = 0...255
    }

    mutating func run(_ limits: Limits) throws(GraphError) {
        for index in graph.nodes.indices {
            switch graph.nodes[index].operatorName {
            case OperatorName("QuantizeLinear"): try quantize(index, limits)
            case OperatorName("Cast"): rescale(index)
            default: continue
            }
        }
        for index in graph.nodes.indices where !dropped.contains(index) && made[index] == nil {
            if ["Gemm", "MatMul"].contains(graph.nodes[index].operatorName.name),
                let node = product(index, target: nil, at: index)
            {
                made[index] = [node]
            }
        }
        graph.nodes = graph.nodes.indices.flatMap { index in
            dropped.contains(index) ? [] : made[index] ?? [graph.nodes[index]]
        }
    }

    // MARK: What is quantized

    private mutating func quantize(_ index: Int, _ limits: Limits) throws(GraphError) {
        guard var target = target(index), let x = graph.nodes[index].inputs[0] else { return }
        if let source = source(x) {
            write(target, reading: [], map(source, target) { $0 })
            return
        }
        var value = x
        let plain = target
        while let clamp = clamp(value, target.meaning) {
            target.clamps.append(clamp.index)
            target.range = clamp.range.clamped(to: target.range)
            guard let input = graph.nodes[clamp.index].inputs[0] else { return }
            value = input
        }
        if target.clamps.count == 1, source(value) != nil {
            // Nothing in front of it could do it on the way: a function like the others.
            try tabulate(target.clamps[0], plain, limits)
            return
        }
        guard matcher.useCount(value) == 1, let producer = matcher.index(value) else { return }
        let name = graph.nodes[producer].operatorName
        guard name.domain.isEmpty, !dropped.contains(producer) else { return }
        switch name.name {
        case "Conv":
            if let node = convolution(producer, target) {
                write(target, reading: [producer], [node])
            }
        case "Gemm", "MatMul":
            if let node = product(producer, target: target, at: index) {
                write(target, reading: [producer], [node])
            }
        case "Add", "Mul":
            guard target.clamps.isEmpty else { return }
            if let node = pair(producer, target) { write(target, reading: [producer], [node]) }
        case "Concat":
            guard target.clamps.isEmpty else { return }
            concatenate(producer, target)
        case let name where Self.movements.contains(name):
            guard target.clamps.isEmpty else { return }
            move(producer, target)
        case let name where Self.functions.contains(name):
            guard target.clamps.isEmpty else { return }
            try tabulate(producer, target, limits)
        default: return
        }
    }

    /// Puts nodes in the place of a `QuantizeLinear`; those in front of it go with it.
    mutating func write(_ target: Target, reading: [Int], _ nodes: [Node]) {
        dropped.formUnion(reading)
        dropped.formUnion(target.clamps)
        made[target.index] = nodes
    }

    /// Puts a node in the place of another; those it computes, too, go.
    mutating func replace(_ index: Int, dropping gone: [Int], by node: Node) {
        dropped.formUnion(gone)
        made[index] = [node]
    }

    private func target(_ index: Int) -> Target? {
        let node = graph.nodes[index]
        guard (2...3).contains(node.inputs.count), node.outputs.count == 1,
            node.attributes.keys.allSatisfy({ ["axis", "saturate"].contains($0) }),
            let scale = node.inputs[1], let factor = graph[scale].constant
        else { return nil }
        let zero = node.inputs.count > 2 ? node.inputs[2] : nil
        if let zero, graph[zero].constant == nil { return nil }
        guard let meaning = ByteScale(factor, zero.flatMap { graph[$0].constant }),
            meaning.scale > 0, meaning.scale.isFinite
        else { return nil }
        return Target(index: index, scale: scale, zero: zero, meaning: meaning)
    }

    // MARK: Where values come from

    /// The bytes behind a dequantized value, with one scale for all.
    func source(_ id: ValueID?) -> Source? {
        guard let id, let node = matcher.producer(id),
            let (bytes, scale, zero) = dequantizer(node), graph[bytes].constant == nil,
            let zero, let meaning = ByteScale(graph[scale].constant, graph[zero].constant),
            meaning.scale > 0, meaning.scale.isFinite
        else { return nil }
        return Source(bytes: bytes, scale: scale, zero: zero, meaning: meaning)
    }

    /// The inputs of a `DequantizeLinear` whose scale and zero point are constant.
    func dequantizer(_ node: Node) -> (bytes: ValueID, scale: ValueID, zero: ValueID?)? {
        guard node.operatorName == OperatorName("DequantizeLinear"),
            (2...3).contains(node.inputs.count), node.outputs.count == 1,
            node.attributes.keys.allSatisfy({ $0 == "axis" }), let bytes = node.inputs[0],
            let scale = node.inputs[1], graph[scale].constant != nil
        else { return nil }
        let zero = node.inputs.count > 2 ? node.inputs[2] : nil
        if let zero, graph[zero].constant == nil { return nil }
        return (bytes, scale, zero)
    }

    /// Constant weights behind a dequantized value, with a scale for all or one an index of `axis`.
    func weights(_ id: ValueID?, axis: Int) -> (bytes: ValueID, scale: ValueID, zero: ValueID?)? {
        guard let id, let node = matcher.producer(id), let found = dequantizer(node),
            let tensor = graph[found.bytes].constant, tensor.dataType.isByte,
            let scale = graph[found.scale].constant, axis < tensor.shape.count,
            WeightScales.list(scale, count: tensor.shape[axis]) != nil,
            WeightScales.zeros(
                found.zero.flatMap { graph[$0].constant }, count: tensor.shape[axis],
                type: tensor.dataType) != nil
        else { return nil }
        if scale.elementCount == 1 { return found }
        guard case .int(let given) = node.attributes["axis"] ?? .int(1),
            Shape.axis(given, rank: tensor.shape.count) == axis
        else { return nil }
        return found
    }

    /// A bias in units of the products' sums; `some(nil)` where there is none.
    func bias(_ id: ValueID?, x: ByteScale, w: ValueID, count: Int) -> ValueID?? {
        guard let id else { return .some(nil) }
        guard let node = matcher.producer(id), let found = dequantizer(node),
            let tensor = graph[found.bytes].constant, tensor.dataType == .int32,
            tensor.elementCount == count, tensor.shape.last ?? 1 == count,
            let own = WeightScales.list(graph[found.scale].constant, count: count),
            let scales = WeightScales.list(graph[w].constant, count: count),
            found.zero.map({ graph[$0].constant?.wholeNumbers?.allSatisfy { $0 == 0 } ?? false })
                ?? true
        else { return nil }
        for (has, weight) in zip(own, scales) {
            let wanted = x.scale * weight
            guard (has - wanted).magnitude <= 1e-5 * wanted.magnitude else { return nil }
        }
        return .some(found.bytes)
    }

    /// Whether the sums of products with these weights, and a bias, stay inside of 32 bits whatever the input:
    /// the float32 that they come instead of does not wrap. Weights are `outputs` rows, or that many columns.
    func fit(
        _ weights: Tensor, _ zero: ValueID?, outputs: Int, areRows: Bool, bias: ValueID?
    ) -> Bool {
        let count = weights.elementCount / max(outputs, 1)
        let biases = bias.flatMap { graph[$0].constant }?.array(as: Int32.self) ?? []
        let most = biases.reduce(0) { max($0, Int($1.magnitude)) }
        if count * 255 * 255 + most <= Int32.max { return true }
        guard let values = weights.wholeNumbers else { return false }
        let zeros = zero.flatMap { graph[$0].constant }?.wholeNumbers ?? [0]
        return (0..<outputs).allSatisfy { output in
            let point = zeros.count == 1 ? zeros[0] : zeros[output]
            var sum = biases.isEmpty ? 0 : Int(biases[output].magnitude)
            for index in 0..<count {
                let place = areRows ? output * count + index : index * outputs + output
                sum += 255 * Int((values[place] - point).magnitude)
            }
            return sum <= Int32.max
        }
    }

    /// A node that holds a value inside of a range, read by nobody else, as the range of bytes.
    private func clamp(_ id: ValueID, _ y: ByteScale) -> (index: Int, range: ClosedRange<Int>)? {
        guard matcher.useCount(id) == 1, let index = matcher.index(id) else { return nil }
        let node = graph.nodes[index]
        var (low, high): (Float, Float) = (0, .infinity)
        switch node.operatorName {
        case OperatorName("Relu"): break
        case OperatorName("Clip"):
            guard node.attributes.isEmpty, (1...3).contains(node.inputs.count) else { return nil }
            low = -.infinity
            for (position, input) in node.inputs.enumerated().dropFirst() {
                guard let input else { continue }
                guard let number = matcher.scalar(input), !number.isNaN else { return nil }
                if position == 1 { low = Float(number) } else { high = Float(number) }
            }
            guard low <= high else { return nil }
        default: return nil
        }
        guard node.outputs.count == 1, !node.inputs.isEmpty else { return nil }
        let shift = y.isSigned ? 128 : 0
        let (first, last) = (y.quantized(low / y.scale), y.quantized(high / y.scale))
        return (index, first + shift...last + shift)
    }
}
