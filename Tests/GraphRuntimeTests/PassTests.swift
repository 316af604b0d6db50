import GraphRuntime
import Primitives
import Testing

/// x [n, 3, 6, 5] → Conv → BatchNormalization → Relu.
private func normalizedConvolution(hasBias: Bool) -> Graph {
    var graph = Graph(name: "conv")
    let x = graph.addInput("x", .float32, [.symbol("n"), .fixed(3), .fixed(6), .fixed(5)])
    func constant(_ name: String, _ shape: [Int], seed: UInt64, offset: Float = 0) -> ValueID {
        let list = values(shape.reduce(1, *), seed: seed).map { $0 + offset }
        return graph.addConstant(name, Tensor(.float32, shape: shape, list))
    }
    var inputs: [ValueID?] = [x, constant("w", [8, 3, 3, 3], seed: 1)]
    if hasBias { inputs.append(constant("b", [8], seed: 2)) }
    let conv = graph.addNode(OperatorName("Conv"), version: 13, inputs, output: "conv")
    let normalized = graph.addNode(
        OperatorName("BatchNormalization"), version: 15,
        [
            conv, constant("scale", [8], seed: 3), constant("shift", [8], seed: 4),
            constant("mean", [8], seed: 5), constant("variance", [8], seed: 6, offset: 2),
        ], output: "normalized", attributes: ["epsilon": .float(0.01)])
    graph.outputs = [
        graph.addNode(OperatorName("Relu"), version: 14, [normalized], output: "y")
    ]
    return graph
}

@Test(arguments: [false, true])
func aNormalizedConvolutionIsOneProductAndTheSameWithinRounding(hasBias: Bool) throws {
    let graph = normalizedConvolution(hasBias: hasBias)
    let fused = try CompiledGraph(graph)
    let plain = try CompiledGraph(graph, passes: [])
    // The image turned, one convolution, turned back.
    #expect(try fused.plan(inputShapes: [[2, 3, 6, 5]]).stepCount == 3)
    #expect(try plain.plan(inputShapes: [[2, 3, 6, 5]]).stepCount == 3)
    let x = Tensor(.float32, shape: [2, 3, 6, 5], values(180, seed: 9))
    let got = try fused.run([x])[0].array(as: Float.self)
    let want = try plain.run([x])[0].array(as: Float.self)
    #expect(want.contains { $0 > 0 } && want.contains(0))
    for (a, b) in zip(got, want) { #expect(abs(a - b) <= 1e-5 * max(1, abs(b))) }
}

/// GELU as exporters write it: PyTorch's order, and one with the half in front.
private func geluGraph(halfFirst: Bool) -> Graph {
    var graph = Graph(name: "gelu")
    let x = graph.addInput("x", .float32, [.symbol("n"), .fixed(7)])
    func scalar(_ name: String, _ value: Float) -> ValueID {
        graph.addConstant(name, Tensor(.float32, shape: [], [value]))
    }
    func node(_ name: String, _ inputs: [ValueID], _ output: String) -> ValueID {
        graph.addNode(OperatorName(name), version: 13, inputs, output: output)
    }
    let half = scalar("half", 0.5)
    let scaled =
        halfFirst
        ? node("Mul", [x, scalar("root", Float(0.5).squareRoot())], "scaled")
        : node("Div", [x, scalar("root", Float(2).squareRoot())], "scaled")
    let sum = node("Add", [node("Erf", [scaled], "erf"), scalar("one", 1)], "sum")
    let y =
        halfFirst
        ? node("Mul", [node("Mul", [x, half], "halved"), sum], "y")
        : node("Mul", [node("Mul", [x, sum], "product"), half], "y")
    graph.outputs = [y]
    return graph
}

@Test(arguments: [false, true]) func geluOfPartsIsOneStep(halfFirst: Bool) throws {
    let graph = geluGraph(halfFirst: halfFirst)
    let fused = try CompiledGraph(graph)
    let plain = try CompiledGraph(graph, passes: [])
    #expect(try fused.plan(inputShapes: [[3, 7]]).stepCount == 1)
    #expect(try plain.plan(inputShapes: [[3, 7]]).stepCount == 5)
    let x = Tensor(.float32, shape: [3, 7], values(21, seed: 5).map { $0 * 4 })
    let got = try fused.run([x])[0].array(as: Float.self)
    let want = try plain.run([x])[0].array(as: Float.self)
    for (a, b) in zip(got, want) { #expect(abs(a - b) < 2e-6) }
}

@Test func geluWhosePartsAreReadElsewhereStays() throws {
    var graph = geluGraph(halfFirst: false)
    let erf = graph.nodes[1].outputs[0]
    if let erf { graph.outputs.append(erf) }
    #expect(try CompiledGraph(graph).plan(inputShapes: [[3, 7]]).stepCount == 5)
}

/// x [n, 16, 10, 9] through two blocks of a residual net, a pool, a gate a channel and a concatenation.
private func residualNetwork() -> Graph {
    var graph = Graph(name: "residual")
    let x = graph.addInput("x", .float32, [.symbol("n"), .fixed(16), .fixed(10), .fixed(9)])
    var seed: UInt64 = 20
    func convolution(
        _ x: ValueID, _ shape: [Int], stride: Int = 1, groups: Int = 1, _ name: String
    ) -> ValueID {
        seed += 1
        let list = values(shape.reduce(1, *), seed: seed).map { $0 * 0.3 }
        let w = graph.addConstant(name + "_w", Tensor(.float32, shape: shape, list))
        let pad = shape[2] / 2
        return graph.addNode(
            OperatorName("Conv"), version: 13, [x, w], output: name,
            attributes: [
                "pads": .ints([pad, pad, pad, pad]), "strides": .ints([stride, stride]),
                "group": .int(groups),
            ])
    }
    func node(_ name: String, _ inputs: [ValueID], _ output: String) -> ValueID {
        graph.addNode(OperatorName(name), version: 14, inputs, output: output)
    }
    let a = node("Relu", [convolution(x, [24, 16, 3, 3], stride: 2, "c1")], "r1")
    let sum = node(
        "Add",
        [
            convolution(a, [24, 24, 3, 3], "c2"), convolution(x, [24, 16, 1, 1], stride: 2, "c3"),
        ], "sum")
    let b = node("Relu", [sum], "r2")
    let gate = node(
        "Sigmoid",
        [convolution(node("GlobalAveragePool", [b], "mean"), [24, 24, 1, 1], "c4")], "gate")
    // The gate is broadcast over the pixels: this sum is no residual.
    let shifted = node("Add", [convolution(b, [24, 1, 3, 3], groups: 24, "c5"), gate], "shifted")
    let gated = node("Mul", [shifted, gate], "gated")
    graph.outputs = [
        graph.addNode(
            OperatorName("Concat"), version: 13, [gated, b, a], output: "y",
            attributes: ["axis": .int(1)]),
        sum,
    ]
    return graph
}

@Test func channelsLastGivesTheSameAnswersWithinRounding() throws {
    let graph = residualNetwork()
    let x = Tensor(.float32, shape: [3, 16, 10, 9], values(3 * 16 * 90, seed: 5))
    let got = try CompiledGraph(graph).run([x])
    let want = try CompiledGraph(graph, passes: []).run([x])
    for (a, b) in zip(got, want) {
        #expect(a.shape == b.shape)
        for (left, right) in zip(a.array(as: Float.self), b.array(as: Float.self)) {
            #expect(abs(left - right) <= 1e-4 * max(1, abs(right)))
        }
    }
}

@Test func channelsLastAnswersDoNotDependOnTheBatch() throws {
    let compiled = try CompiledGraph(residualNetwork())
    let size = 16 * 90
    let all = values(5 * size, seed: 6)
    let together = try compiled.run([Tensor(.float32, shape: [5, 16, 10, 9], all)])[0]
    let length = together.elementCount / 5
    for place in 0..<5 {
        let own = Array(all[place * size..<(place + 1) * size])
        let alone = try compiled.run([Tensor(.float32, shape: [1, 16, 10, 9], own)])[0]
        let bits = together.array(as: UInt32.self)[place * length..<(place + 1) * length]
        #expect(Array(bits) == alone.array(as: UInt32.self))
    }
}

/// As exporters of frameworks with the channels last write models.
@Test func aModelWithItsChannelsLastIsNotTurned() throws {
    var graph = Graph(name: "last")
    let x = graph.addInput("x", .float32, [.symbol("n"), .fixed(10), .fixed(9), .fixed(3)])
    func node(
        _ name: String, _ inputs: [ValueID], _ output: String, _ attributes: [String: Attribute]
    ) -> ValueID {
        graph.addNode(
            OperatorName(name), version: 13, inputs, output: output, attributes: attributes)
    }
    let w = graph.addConstant(
        "w", Tensor(.float32, shape: [8, 3, 2, 2], values(96, seed: 31)))
    let v = graph.addConstant(
        "v", Tensor(.float32, shape: [5, 8, 1, 1], values(40, seed: 32)))
    let turned = node("Transpose", [x], "turned", ["perm": .ints([0, 3, 1, 2])])
    let a = node("Relu", [node("Conv", [turned, w], "a", [:])], "ra", [:])
    let back = node("Transpose", [a], "back", ["perm": .ints([0, 2, 3, 1])])
    let again = node("Transpose", [back], "again", ["perm": .ints([0, 3, 1, 2])])
    let b = node("Conv", [again, v], "b", [:])
    let last = node("Transpose", [b], "last", ["perm": .ints([0, 2, 3, 1])])
    graph.outputs = [node("Exp", [last], "y", [:])]
    let compiled = try CompiledGraph(graph)
    // Two convolutions and the function behind them.
    #expect(try compiled.plan(inputShapes: [[2, 10, 9, 3]]).stepCount == 3)
    let kept = try CompiledGraph(
        graph, passes: Set(Pass.allCases).subtracting([.removeTransposes]))
    #expect(try kept.plan(inputShapes: [[2, 10, 9, 3]]).stepCount > 3)
    let input = Tensor(.float32, shape: [2, 10, 9, 3], values(540, seed: 33))
    let want = try CompiledGraph(graph, passes: []).run([input])[0]
    for other in [compiled, kept] {
        let got = try other.run([input])[0]
        #expect(got.shape == want.shape)
        for (left, right) in zip(got.array(as: Float.self), want.array(as: Float.self)) {
            #expect(abs(left - right) <= 1e-4 * max(1, abs(right)))
        }
    }
}

@Test func aGivenImageOfOneChannelIsReadWhereItLies() throws {
    var graph = Graph(name: "grey")
    let x = graph.addInput("x", .float32, [.symbol("n"), .fixed(1), .fixed(28), .fixed(28)])
    let w = graph.addConstant(
        "w", Tensor(.float32, shape: [6, 1, 5, 5], values(150, seed: 41)))
    let a = graph.addNode(OperatorName("Conv"), version: 13, [x, w], output: "a")
    graph.outputs = [graph.addNode(OperatorName("GlobalMaxPool"), version: 13, [a], output: "y")]
    let compiled = try CompiledGraph(graph)
    // The convolution, the pool, and its answer turned.
    #expect(try compiled.plan(inputShapes: [[3, 1, 28, 28]]).stepCount == 3)
    let input = Tensor(.float32, shape: [3, 1, 28, 28], values(3 * 784, seed: 42))
    let got = try compiled.run([input])[0]
    let want = try CompiledGraph(graph, passes: []).run([input])[0]
    #expect(got.shape == want.shape)
    for (left, right) in zip(got.array(as: Float.self), want.array(as: Float.self)) {
        #expect(abs(left - right) <= 1e-4 * max(1, abs(right)))
    }
    // Two channels are not one.
    #expect(throws: GraphError.self) { try compiled.plan(inputShapes: [[3, 2, 28, 28]]) }
}

/// What is random is computed for each node, also where two nodes look alike.
@Test func randomNodesAreNotMerged() throws {
    var graph = Graph(name: "random")
    func draw(_ name: String) -> ValueID {
        graph.addNode(
            OperatorName("RandomUniform"), version: 13, [], output: name,
            attributes: ["shape": .ints([64])])
    }
    graph.outputs = [draw("a"), draw("b")]
    let results = try CompiledGraph(graph).run([])
    #expect(results[0].array(as: Float.self) != results[1].array(as: Float.self))
}

/// The weights of a layer that keeps them packed are not kept as the file has them, too.
@Test func recurrentWeightsAreKeptOnce() throws {
    var graph = Graph(name: "lstm")
    let x = graph.addInput("x", .float32, [.fixed(4), .symbol("n"), .fixed(3)])
    func constant(_ name: String, _ shape: [Int]) -> ValueID {
        graph.addConstant(
            name, Tensor(.float32, shape: shape, values(shape.reduce(1, *), seed: 51)))
    }
    let weights = [
        constant("w", [1, 20, 3]), constant("r", [1, 20, 5]), constant("b", [1, 40]),
    ]
    graph.outputs = [
        graph.addNode(
            OperatorName("LSTM"), version: 14, [x] + weights, output: "y",
            attributes: ["hidden_size": .int(5)])
    ]
    let compiled = try CompiledGraph(graph)
    #expect(compiled.graph.values.allSatisfy { $0.constant == nil })
    let input = Tensor(.float32, shape: [4, 2, 3], values(24, seed: 52))
    #expect(try compiled.run([input])[0].shape == [4, 1, 2, 5])
    #expect(throws: GraphError.self) { try compiled.plan(inputShapes: [[4, 2, 7]]) }
}
