import GraphRuntime
import Primitives
import Testing

/// x [n, 4, 9, 8] through a convolution, a pool and a normalisation.
private func imageNetwork(groups: Int, isConstant: Bool) -> Graph {
    var graph = Graph(name: "image")
    let x = graph.addInput("x", .float32, [.symbol("n"), .fixed(4), .fixed(9), .fixed(8)])
    let shape = [8, 4 / groups, 3, 3]
    let filters = Tensor(.float32, shape: shape, values(shape.reduce(1, *), seed: 3))
    let weights =
        isConstant
        ? graph.addConstant("w", filters)
        : graph.addInput("w", .float32, shape.map { .fixed($0) })
    let bias = graph.addConstant("b", Tensor(.float32, shape: [8], values(8, seed: 4)))
    let conv = graph.addNode(
        OperatorName("Conv"), version: 13, [x, weights, bias], output: "conv",
        attributes: [
            "group": .int(groups), "pads": .ints([1, 0, 1, 2]), "strides": .ints([1, 2]),
        ])
    let pool = graph.addNode(
        OperatorName("MaxPool"), version: 12, [conv], output: "pool",
        attributes: ["kernel_shape": .ints([2, 2]), "strides": .ints([2, 1])])
    let scale = graph.addConstant("s", Tensor(.float32, shape: [3], values(3, seed: 5)))
    graph.outputs = [
        graph.addNode(
            OperatorName("LayerNormalization"), version: 17, [pool, scale], output: "y")
    ]
    return graph
}

@Test(arguments: [1, 2, 4]) func anImageIsTheSameInAnyBatchAndAnyPlace(groups: Int) throws {
    let compiled = try CompiledGraph(imageNetwork(groups: groups, isConstant: true))
    let size = 4 * 9 * 8
    let image = values(size, seed: 77)
    let alone = try compiled.run([Tensor(.float32, shape: [1, 4, 9, 8], image)])[0]
    for count in [2, 3, 7] {
        for place in [0, count - 1] {
            var all = values(count * size, seed: UInt64(count))
            all.replaceSubrange(place * size..<(place + 1) * size, with: image)
            let result = try compiled.run([Tensor(.float32, shape: [count, 4, 9, 8], all)])[0]
            let length = alone.elementCount
            let bits = result.array(as: UInt32.self)[place * length..<(place + 1) * length]
            #expect(Array(bits) == alone.array(as: UInt32.self))
        }
    }
}

@Test(arguments: [1, 2, 4]) func constantAndGivenFiltersGiveTheSame(groups: Int) throws {
    let x = Tensor(.float32, shape: [2, 4, 9, 8], values(2 * 4 * 9 * 8, seed: 1))
    let shape = [8, 4 / groups, 3, 3]
    let filters = Tensor(.float32, shape: shape, values(shape.reduce(1, *), seed: 3))
    let network = imageNetwork(groups: groups, isConstant: true)
    let turned = try CompiledGraph(network).run([x])[0]
    let packed = try CompiledGraph(
        network, passes: Set(Pass.allCases).subtracting([.layOutChannelsLast])
    ).run([x])[0]
    let given = try CompiledGraph(imageNetwork(groups: groups, isConstant: false))
        .run([x, filters])[0]
    #expect(packed.array(as: UInt32.self) == given.array(as: UInt32.self))
    // With the channels last the order of the sums is another.
    #expect(turned.shape == given.shape)
    for (a, b) in zip(turned.array(as: Float.self), given.array(as: Float.self)) {
        #expect(abs(a - b) <= 1e-4 * max(1, abs(b)))
    }
}

@Test func aConvolutionIsTheSumOfItsTaps() throws {
    // Against plain sums, in float64, for products and for loops alike.
    for (channels, filters, groups) in [(3, 8, 1), (4, 4, 4), (6, 16, 2)] {
        var graph = Graph(name: "conv")
        let x = graph.addInput(
            "x", .float32, [.fixed(1), .fixed(channels), .fixed(17), .fixed(13)])
        let shape = [filters, channels / groups, 3, 2]
        let weights = values(shape.reduce(1, *), seed: 6)
        let w = graph.addConstant("w", Tensor(.float32, shape: shape, weights))
        graph.outputs = [
            graph.addNode(
                OperatorName("Conv"), version: 13, [x, w], output: "y",
                attributes: ["group": .int(groups), "dilations": .ints([2, 1])])
        ]
        let image = values(channels * 17 * 13, seed: 7)
        let result = try CompiledGraph(graph).run([
            Tensor(.float32, shape: [1, channels, 17, 13], image)
        ])[0]
        #expect(result.shape == [1, filters, 13, 12])
        let made = result.array(as: Float.self)
        let perGroup = channels / groups
        for filter in 0..<filters {
            for row in 0..<13 {
                for column in 0..<12 {
                    var sum = 0.0
                    for channel in 0..<perGroup {
                        let input = filter / (filters / groups) * perGroup + channel
                        for tap in 0..<6 {
                            let at = (input * 17 + row + tap / 2 * 2) * 13 + column + tap % 2
                            let weight = weights[(filter * perGroup + channel) * 6 + tap]
                            sum += Double(image[at]) * Double(weight)
                        }
                    }
                    let got = Double(made[(filter * 13 + row) * 12 + column])
                    #expect(abs(got - sum) < 1e-4)
                }
            }
        }
    }
}

/// Found in review: the padded image was counted without a bound, and the plan trapped.
@Test func aConvolutionWithAbsurdPadsIsRefused() throws {
    var graph = Graph(name: "absurd")
    let x = graph.addInput("x", .float32, [.fixed(1), .fixed(8), .fixed(4), .fixed(4)])
    let w = graph.addConstant("w", Tensor(.float32, shape: [8, 8, 1, 1], values(64, seed: 1)))
    let far = Int(Int32.max)
    graph.outputs = [
        graph.addNode(
            OperatorName("Conv"), version: 13, [x, w], output: "y",
            attributes: [
                "pads": .ints([far, far, far, far]), "strides": .ints([far, far]),
            ])
    ]
    let error = #expect(throws: GraphError.self) {
        try CompiledGraph(graph).plan(inputShapes: [[1, 8, 4, 4]])
    }
    #expect(error?.description.contains("too many values") == true)
}
