import GraphRuntime
import Primitives
import Testing

private func op(_ name: String) -> OperatorName { OperatorName(name) }

/// x [n] → the indices of its elements that are not zero.
private func nonZeroGraph() -> Graph {
    var graph = Graph(name: "places")
    let x = graph.addInput("x", .float32, [.symbol("n")])
    graph.outputs = [graph.addNode(op("NonZero"), version: 13, [x], output: "places")]
    return graph
}

/// Adds a captured `step` to a carried value, in every turn; collects it, too.
private func loopBody() -> Graph {
    var body = Graph(name: "body")
    let turn = body.addValue("turn")
    let condition = body.addValue("condition")
    let carried = body.addValue("carried")
    let step = body.addValue("step")
    body.inputs = [turn, condition, carried, step]
    body.captureCount = 1
    let goesOn = body.addNode(op("Identity"), version: 13, [condition], output: "goesOn")
    let sum = body.addNode(op("Add"), version: 13, [carried, step], output: "sum")
    let copy = body.addNode(op("Identity"), version: 13, [sum], output: "copy")
    body.outputs = [goesOn, sum, copy]
    return body
}

private func loopGraph(turns: Int64) -> Graph {
    var graph = Graph(name: "loop")
    let x = graph.addInput("x", .float32, [.fixed(2)])
    let step = graph.addInput("step", .float32, [.fixed(2)])
    let count = graph.addConstant("count", Tensor(.int64, shape: [], [turns]))
    let last = graph.addValue("last")
    let all = graph.addValue("all")
    var node = Node(
        name: "loop", operatorName: op("Loop"), version: 13, inputs: [count, nil, x, step],
        outputs: [last, all], attributes: ["body": .graph(loopBody())])
    node.captureCount = 1
    node.graphOrder = ["body"]
    graph.nodes.append(node)
    graph.outputs = [last, all]
    return graph
}

@Test func shapesThatDependOnValuesRunEagerly() throws {
    let compiled = try CompiledGraph(nonZeroGraph())
    #expect(compiled.needsValues(inputShapes: [[4]]))
    #expect(!compiled.isEager)
    for (values, places): ([Float], [Int64]) in [
        ([0, 1, 0, 2], [1, 3]), ([0, 0, 0, 0], []), ([3, 3, 3, 3], [0, 1, 2, 3]),
    ] {
        let found = try compiled.evaluate(tensors: [Tensor(.float32, shape: [4], values)])[0]
        #expect(found.shape == [1, places.count])
        #expect(found.array(as: Int64.self) == places)
    }
}

@Test func aLoopCarriesCapturesAndCollects() throws {
    let compiled = try CompiledGraph(loopGraph(turns: 3))
    #expect(compiled.isEager)
    let results = try compiled.evaluate(tensors: [
        Tensor(.float32, shape: [2], [Float(1), 2]), Tensor(.float32, shape: [2], [Float(10), 20]),
    ])
    #expect(results[0].array(as: Float.self) == [31, 62])
    #expect(results[1].shape == [3, 2])
    #expect(results[1].array(as: Float.self) == [11, 22, 21, 42, 31, 62])
}

@Test func anErrorInsideALoopNamesBothNodes() throws {
    let compiled = try CompiledGraph(loopGraph(turns: 2))
    let error = #expect(throws: GraphError.self) {
        _ = try compiled.evaluate(tensors: [
            Tensor(.float32, shape: [2], [Float(1), 2]), Tensor(.float64, shape: [2], [1.0, 2]),
        ])
    }
    #expect(error?.description.contains("input 'step' is float64") == true)
}

@Test func onlyOneBranchOfAnIfRuns() throws {
    func branch(_ name: String) -> Graph {
        var graph = Graph(name: name)
        let x = graph.addValue("x")
        graph.inputs = [x]
        graph.captureCount = 1
        graph.outputs = [graph.addNode(op(name), version: 13, [x], output: "y")]
        return graph
    }
    var graph = Graph(name: "if")
    let condition = graph.addInput("condition", .bool, [])
    let x = graph.addInput("x", .float32, [.fixed(3)])
    let y = graph.addValue("y")
    var node = Node(
        name: "", operatorName: op("If"), version: 13, inputs: [condition, x, x], outputs: [y],
        attributes: ["else_branch": .graph(branch("Neg")), "then_branch": .graph(branch("Abs"))])
    node.captureCount = 2
    node.graphOrder = ["else_branch", "then_branch"]
    graph.nodes.append(node)
    graph.outputs = [y]
    let compiled = try CompiledGraph(graph)
    for (flag, expected): (UInt8, [Float]) in [(1, [1, 2, 3]), (0, [1, -2, 3])] {
        let result = try compiled.evaluate(tensors: [
            Tensor(.bool, shape: [], [flag]), Tensor(.float32, shape: [3], [Float(-1), 2, -3]),
        ])[0]
        #expect(result.array(as: Float.self) == expected)
    }
}

@Test func sequencesGoInAndOut() throws {
    var graph = Graph(name: "sequence")
    let list = graph.addInput("list", .float32, [])
    graph[list].kind = .sequence
    graph[list].shape = nil
    let x = graph.addInput("x", .float32, [.fixed(1)])
    let longer = graph.addNode(op("SequenceInsert"), version: 13, [list, x], output: "longer")
    let length = graph.addNode(op("SequenceLength"), version: 13, [longer], output: "length")
    graph.outputs = [longer, length]
    let compiled = try CompiledGraph(graph)
    let one = Tensor(.float32, shape: [2], [Float(1), 2])
    let results = try compiled.evaluate([
        .sequence([one]), .tensor(Tensor(.float32, shape: [1], [Float(7)])),
    ])
    guard case .sequence(let made) = results[0], case .tensor(let count) = results[1] else {
        Issue.record("a sequence and a tensor were expected")
        return
    }
    #expect(made.map { $0.array(as: Float.self) } == [[1, 2], [7]])
    #expect(count.array(as: Int64.self) == [2])
}

@Test func anEagerRunStaysInsideItsMemory() throws {
    // A few numbers that ask for 8 GiB.
    var graph = Graph(name: "bomb")
    let shape = graph.addInput("shape", .int64, [.fixed(3)])
    graph.outputs = [
        graph.addNode(op("ConstantOfShape"), version: 9, [shape], output: "y")
    ]
    let compiled = try CompiledGraph(graph)
    var sizes: [Int64] = [1024, 1024, 2048]
    let error = #expect(throws: GraphError.self) {
        _ = try compiled.evaluate(tensors: [Tensor(.int64, shape: [3], sizes)])
    }
    #expect(error?.description.contains("bytes") == true)
    sizes = [1 << 62, 1 << 62, 4]
    #expect(throws: GraphError.self) {
        _ = try compiled.evaluate(tensors: [Tensor(.int64, shape: [3], sizes)])
    }
}
