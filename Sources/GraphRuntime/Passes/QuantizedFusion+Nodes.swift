import Primitives

// The nodes that compute on bytes.
extension QuantizedFusion {
    /// What moves values and changes none, or picks some of them by their order.
    static let movements: Set = [
        "Flatten", "MaxPool", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze",
    ]

    /// Functions of one value, element by element.
    static let functions: Set = [
        "Abs", "Celu", "Clip", "Elu", "Erf", "Exp", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu",
        "Log", "Mish", "Neg", "Reciprocal", "Relu", "Selu", "Sigmoid", "Softplus", "Softsign",
        "Sqrt",
        "Swish", "Tanh",
    ]

    private func replacement(
        _ target: Target, _ name: String, _ inputs: [ValueID?],
        _ attributes: [String: Attribute] = [:]
    ) -> Node {
        graph.replacement(
            of: target.index, name, inputs, attributes, domain: Node.fusedDomain)
    }

    private func withRange(
        _ attributes: [String: Attribute], _ range: ClosedRange<Int>
    ) -> [String: Attribute] {
        if range == 0...255 { return attributes }
        return attributes.merging(
            ["low": .int(range.lowerBound), "high": .int(range.upperBound)]) { $1 }
    }

    /// The zero point of the result, which tells its type.
    private mutating func zero(_ target: Target) -> ValueID {
        target.zero
            ?? graph.addConstant(
                graph.nodes[target.index].name + "_zero", Tensor(.uint8, shape: [], [UInt8(0)]))
    }

    /// A convolution of bytes with constant filters.
    mutating func convolution(_ index: Int, _ target: Target) -> Node? {
        let node = graph.nodes[index]
        guard (2...3).contains(node.inputs.count), let x = source(node.inputs[0]),
            let w = weights(node.inputs[1], axis: 0), let filters = graph[w.bytes].constant,
            filters.shape.count >= 3,
            let bias = bias(
                node.inputs.count > 2 ? node.inputs[2] : nil, x: x.meaning, w: w.scale,
                count: filters.shape[0]),
            fit(filters, w.zero, outputs: filters.shape[0], areRows: true, bias: bias)
        else { return nil }
        let inputs =
            x.inputs + [w.bytes, w.scale, w.zero ?? zero(like: filters)]
            + [target.scale, zero(target)] + (bias.map { [$0] } ?? [])
        return replacement(
            target, "QLinearConv", inputs, withRange(node.attributes, target.range))
    }

    private mutating func zero(like weights: Tensor) -> ValueID {
        graph.addConstant("zero", Tensor(weights.dataType, shape: [], [UInt8(0)]))
    }

    /// A product of bytes by a constant matrix; its result is float32 without a target.
    mutating func product(_ index: Int, target: Target?, at place: Int) -> Node? {
        let node = graph.nodes[index]
        let isGemm = node.operatorName == OperatorName("Gemm")
        guard isGemm || node.operatorName == OperatorName("MatMul"),
            (2...3).contains(node.inputs.count), node.outputs.count == 1,
            let isTransposed = transposition(node), let x = source(node.inputs[0]),
            let w = weights(node.inputs[1], axis: isTransposed ? 0 : 1),
            let matrix = graph[w.bytes].constant, matrix.shape.count == 2,
            let bias = bias(
                node.inputs.count > 2 ? node.inputs[2] : nil, x: x.meaning, w: w.scale,
                count: matrix.shape[isTransposed ? 0 : 1]),
            fit(
                matrix, w.zero, outputs: matrix.shape[isTransposed ? 0 : 1], areRows: isTransposed,
                bias: bias)
        else { return nil }
        var attributes: [String: Attribute] = isTransposed ? ["transposed": .int(1)] : [:]
        var inputs = x.inputs + [w.bytes, w.scale, w.zero]
        if let target {
            inputs += [target.scale, zero(target)]
            attributes = withRange(attributes, target.range)
        } else {
            inputs += [nil, nil]
        }
        inputs.append(bias)
        while inputs.last == .some(nil) { inputs.removeLast() }
        return graph.replacement(
            of: place, "ByteProduct", inputs, attributes, domain: Node.fusedDomain)
    }

    /// Whether a product's second operand is turned; nil when it does more than a product.
    private func transposition(_ node: Node) -> Bool? {
        var isTransposed = false
        for (name, value) in node.attributes {
            switch (name, value) {
            case ("transB", .int(let flag)): isTransposed = flag != 0
            case ("transA", .int(0)), ("alpha", .float(1)), ("beta", .float(1)): continue
            default: return nil
            }
        }
        return node.operatorName.name == "MatMul" && isTransposed ? nil : isTransposed
    }

    /// The sum or product of two tensors of bytes.
    mutating func pair(_ index: Int, _ target: Target) -> Node? {
        let node = graph.nodes[index]
        guard node.inputs.count == 2, node.attributes.isEmpty, let a = source(node.inputs[0]),
            let b = source(node.inputs[1])
        else { return nil }
        let isProduct = node.operatorName.name == "Mul"
        return replacement(
            target, "BytePair", a.inputs + b.inputs + [target.scale, zero(target)],
            isProduct ? ["product": .int(1)] : [:])
    }

    /// Each byte's result for a function: an Identity where that is the byte itself.
    mutating func map(
        _ source: Source, _ target: Target, reading bytes: ValueID? = nil,
        _ function: (Float) -> Float
    ) -> [Node] {
        let table = (0..<256).map { byte in
            let value = function(source.meaning.value(UInt8(byte)))
            return UInt8(
                truncatingIfNeeded: target.meaning.quantized(value / target.meaning.scale))
        }
        let input = bytes ?? source.bytes
        if source.meaning.isSigned == target.meaning.isSigned,
            table.enumerated().allSatisfy({ $0.offset == Int($0.element) })
        {
            return [graph.replacement(of: target.index, "Identity", [input])]
        }
        let constant = graph.addConstant(
            graph.nodes[target.index].name + "_table",
            Tensor(target.meaning.dataType, shape: [256], table))
        return [replacement(target, "ByteMap", [input, constant])]
    }

    /// Moves bytes instead of numbers, and translates them behind it where scales differ.
    mutating func move(_ index: Int, _ target: Target) {
        var node = graph.nodes[index]
        guard let x = source(node.inputs.first ?? nil), node.outputs.count == 1,
            let output = node.outputs[0]
        else { return }
        let moved = graph.addValue(graph[output].name + "_bytes")
        node.inputs[0] = x.bytes
        node.outputs = [moved]
        write(
            target, reading: [index], [node] + map(x, target, reading: moved) { $0 })
    }

    /// Puts bytes behind one another, each translated where scales differ.
    mutating func concatenate(_ index: Int, _ target: Target) {
        var node = graph.nodes[index]
        let sources = node.inputs.compactMap { source($0) }
        guard sources.count == node.inputs.count, node.outputs.count == 1 else { return }
        var nodes: [Node] = []
        for (position, source) in sources.enumerated() {
            var translated = map(source, target) { $0 }
            let value = graph.addValue(graph[source.bytes].name + "_translated")
            translated[0].outputs = [value]
            nodes += translated
            node.inputs[position] = value
        }
        node.outputs = graph.nodes[target.index].outputs
        write(target, reading: [index], nodes + [node])
    }

    /// A function of bytes as a table, made by the operator itself.
    mutating func tabulate(
        _ index: Int, _ target: Target, _ limits: Limits
    ) throws(GraphError) {
        let node = graph.nodes[index]
        guard let x = source(node.inputs.first ?? nil), node.outputs.count == 1 else { return }
        let others = node.inputs.dropFirst().map { id in id.flatMap { graph[$0].constant } }
        guard
            zip(node.inputs.dropFirst(), others).allSatisfy({ $0 == nil || $1?.elementCount == 1 })
        else { return }
        let numbers = (0..<256).map { x.meaning.value(UInt8($0)) }
        let inputs =
            [ValueInfo(Tensor(.float32, shape: [256], numbers))]
            + others.map { tensor in tensor.map { ValueInfo($0) } }
        let op = try graph.makeOperator(node)
        var budget = limits.foldedBytesMax
        do throws(OperatorFailure) {
            let infos = try op.infer(Inputs(inputs))
            guard
                let result = try Evaluation.run(op, inputs, infos, budget: &budget)?.first,
                result.dataType == .float32, result.elementCount == 256
            else { return }
            let values = result.array(as: Float.self)
            var place = 0
            let nodes = map(x, target) { _ in
                defer { place += 1 }
                return values[place]
            }
            write(target, reading: [index], nodes)
        } catch {
            throw GraphError(error.reason, at: node)
        }
    }

    /// `MatMulInteger` behind `DynamicQuantizeLinear`, made a number, scaled and biased: one product
    /// with a float32 result.
    mutating func rescale(_ index: Int) {
        let cast = graph.nodes[index]
        guard case .int(1)? = cast.attributes["to"], cast.attributes.count == 1,
            let sums = cast.inputs.first ?? nil, let output = matcher.output(index),
            let product = matcher.privateNode(sums, "MatMulInteger"),
            let scaling = matcher.onlyReader(output),
            graph.nodes[scaling].operatorName == OperatorName("Mul"),
            graph.nodes[scaling].inputs.count == 2, let scaled = matcher.output(scaling),
            let factor = graph.nodes[scaling].inputs.first(where: { $0 != output }) ?? nil,
            let (x, w) = scales(factor)
        else { return }
        let node = graph.nodes[product]
        guard (2...4).contains(node.inputs.count), node.attributes.isEmpty,
            let bytes = node.inputs[0],
            let weights = node.inputs[1], let matrix = graph[weights].constant,
            matrix.dataType.isByte, matrix.shape.count == 2,
            WeightScales.list(graph[w].constant, count: matrix.shape[1]) != nil,
            isVector(w), matcher.isDynamicScale(x)
        else { return }
        let zeros = (2..<4).map { $0 < node.inputs.count ? node.inputs[$0] : nil }
        guard
            WeightScales.zeros(
                zeros[1].flatMap { graph[$0].constant }, count: matrix.shape[1],
                type: matrix.dataType) != nil, zeros[1] == nil || graph[zeros[1]!].constant != nil
        else { return }
        var inputs: [ValueID?] = [bytes, x, zeros[0], weights, w, zeros[1]]
        var (last, gone) = (scaling, [product, index])
        if let adding = matcher.onlyReader(scaled),
            graph.nodes[adding].operatorName == OperatorName("Add"),
            let bias = graph.nodes[adding].inputs.first(where: { $0 != scaled }) ?? nil,
            let values = graph[bias].constant, values.dataType == .float32,
            values.shape == [matrix.shape[1]]
        {
            inputs += [nil, nil, bias]
            (last, gone) = (adding, gone + [scaling])
        }
        while inputs.last == .some(nil) { inputs.removeLast() }
        replace(
            last, dropping: gone,
            by: graph.replacement(of: last, "ByteProduct", inputs, domain: Node.fusedDomain))
    }

    /// A product of a scale that is known at run time only and one of weights, which is constant.
    private func scales(_ id: ValueID) -> (x: ValueID, w: ValueID)? {
        guard let index = matcher.privateNode(id, "Mul"), graph.nodes[index].inputs.count == 2,
            let a = graph.nodes[index].inputs[0], let b = graph.nodes[index].inputs[1]
        else { return nil }
        if graph[b].constant != nil, graph[a].constant == nil { return (a, b) }
        if graph[a].constant != nil, graph[b].constant == nil { return (b, a) }
        return nil
    }

    private func isVector(_ id: ValueID) -> Bool {
        (graph[id].constant?.shape.count ?? 2) <= 1
    }
}
