import GraphRuntime
import Primitives
import Testing

/// A two-layer network with a softmax: x [batch, 4] → 3 probabilities.
func smallNetwork() -> Graph {
    var graph = Graph(name: "small")
    let x = graph.addInput("x", .float32, [.symbol("batch"), .fixed(4)])
    let first = graph.addConstant("w1", Tensor(.float32, shape: [4, 5], values(20, seed: 1)))
    let firstBias = graph.addConstant("b1", Tensor(.float32, shape: [5], values(5, seed: 2)))
    let second = graph.addConstant("w2", Tensor(.float32, shape: [3, 5], values(15, seed: 3)))
    let secondBias = graph.addConstant("b2", Tensor(.float32, shape: [1, 3], values(3, seed: 4)))
    let product = graph.addNode(OperatorName("MatMul"), version: 13, [x, first], output: "product")
    let sum = graph.addNode(OperatorName("Add"), version: 14, [product, firstBias], output: "sum")
    let hidden = graph.addNode(OperatorName("Relu"), version: 14, [sum], output: "hidden")
    let same = graph.addNode(OperatorName("Identity"), version: 14, [hidden], output: "same")
    let logits = graph.addNode(
        OperatorName("Gemm"), version: 13, [same, second, secondBias], output: "logits",
        attributes: ["transB": .int(1), "alpha": .float(1), "beta": .float(0.5)])
    let result = graph.addNode(
        OperatorName("Softmax"), version: 13, [logits], output: "probabilities")
    graph.outputs = [result]
    return graph
}

/// Made-up values between -1 and 1, the same for a seed.
func values(_ count: Int, seed: UInt64) -> [Float] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1
    return (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Float(Int(state >> 40) % 2001 - 1000) / 1000
    }
}

@Test func everyChoiceOfPassesGivesTheSameBits() throws {
    let input = Tensor(.float32, shape: [7, 4], values(28, seed: 9))
    let expected = try CompiledGraph(smallNetwork(), passes: []).run([input])[0]
    let passes = Pass.allCases
    for mask in 0..<(1 << passes.count) {
        let chosen = Set(passes.indices.filter { mask >> $0 & 1 == 1 }.map { passes[$0] })
        let result = try CompiledGraph(smallNetwork(), passes: chosen).run([input])[0]
        #expect(result.array(as: UInt32.self) == expected.array(as: UInt32.self), "\(chosen)")
    }
}

@Test func aLayerWithItsActivationIsOneStep() throws {
    let compiled = try CompiledGraph(smallNetwork())
    // Two layers and the softmax.
    #expect(try compiled.plan(inputShapes: [[1, 4]]).stepCount == 3)
    #expect(compiled.parameterCount == 20 + 5 + 15 + 3)
}

@Test func aRowIsTheSameInAnyBatchAndAnyPlace() throws {
    let compiled = try CompiledGraph(smallNetwork())
    let row = values(4, seed: 77)
    let alone = try compiled.run([Tensor(.float32, shape: [1, 4], row)])[0]
    for count in [2, 3, 5, 6, 7, 12, 33, 64] {
        for place in [0, count / 2, count - 1] {
            var all = values(count * 4, seed: UInt64(count))
            all.replaceSubrange(place * 4..<place * 4 + 4, with: row)
            let result = try compiled.run([Tensor(.float32, shape: [count, 4], all)])[0]
            let bits = result.array(as: UInt32.self)
            #expect(Array(bits[place * 3..<place * 3 + 3]) == alone.array(as: UInt32.self))
        }
    }
}

@Test func aWorkspaceServesPlansOfDifferentSizes() throws {
    let compiled = try CompiledGraph(smallNetwork())
    let workspace = Workspace()
    for count in [3, 1, 8, 2] {
        let input = Tensor(.float32, shape: [count, 4], values(count * 4, seed: 5))
        let plan = try compiled.plan(inputShapes: [[count, 4]])
        let reused = try compiled.run([input], plan: plan, in: workspace)[0]
        let fresh = try compiled.run([input])[0]
        #expect(reused.array(as: UInt32.self) == fresh.array(as: UInt32.self))
    }
}

@Test func theArenaIsReusedBetweenValuesThatNeverLiveTogether() throws {
    var graph = Graph()
    var value = graph.addInput("x", .float32, [.symbol("batch"), .fixed(1024)])
    for index in 0..<10 {
        value = graph.addNode(OperatorName("Exp"), version: 13, [value], output: "v\(index)")
    }
    graph.outputs = [value]
    let plan = try CompiledGraph(graph).plan(inputShapes: [[4, 1024]])
    // Two values of 16 KiB are enough for a chain of ten.
    #expect(plan.arenaByteCount == 2 * 4 * 1024 * 4)
}

@Test func shapeArithmeticIsFoldedWhilePlanning() throws {
    var graph = Graph()
    let x = graph.addInput("x", .float32, [.symbol("batch"), .fixed(2), .fixed(3)])
    let shape = graph.addNode(OperatorName("Shape"), version: 13, [x], output: "shape")
    let zero = graph.addConstant("zero", Tensor(.int64, shape: [1], [Int64(0)]))
    let rows = graph.addNode(OperatorName("Gather"), version: 13, [shape, zero], output: "rows")
    let rest = graph.addConstant("rest", Tensor(.int64, shape: [1], [Int64(-1)]))
    let target = graph.addNode(
        OperatorName("Concat"), version: 13, [rows, rest], output: "target",
        attributes: ["axis": .int(0)])
    graph.outputs = [
        graph.addNode(OperatorName("Reshape"), version: 13, [x, target], output: "y")
    ]
    let compiled = try CompiledGraph(graph)
    let plan = try compiled.plan(inputShapes: [[5, 2, 3]])
    #expect(plan.outputs[0].shape == [5, 6])
    // Nothing is left but handing the input over.
    #expect(plan.stepCount == 1)
    let input = Tensor(.float32, shape: [5, 2, 3], values(30, seed: 1))
    #expect(try compiled.run([input])[0].array(as: Float.self) == input.array(as: Float.self))
}

@Test func anOutputMayBeAConstantAnInputOrGivenTwice() throws {
    var graph = Graph()
    let x = graph.addInput("x", .float32, [.fixed(2)])
    let constant = graph.addConstant("c", Tensor(.float32, shape: [1], [Float(7)]))
    let y = graph.addNode(OperatorName("Neg"), version: 13, [x], output: "y")
    graph.outputs = [constant, x, y, y]
    let results = try CompiledGraph(graph).run([Tensor(.float32, shape: [2], [Float(1), -2])])
    #expect(results.map { $0.array(as: Float.self) } == [[7], [1, -2], [-1, 2], [-1, 2]])
}
