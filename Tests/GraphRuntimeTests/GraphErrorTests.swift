import GraphRuntime
import Primitives
import Testing

/// The error of a graph with one node, or nil when it compiles and plans.
private func failure(
    _ name: OperatorName, version: Int = 13, inputCount: Int = 1, type: DataType = .float32,
    shape: [Int] = [2, 3], attributes: [String: Attribute] = [:]
) -> GraphError? {
    var graph = Graph()
    let inputs = (0..<inputCount).map {
        graph.addInput("x\($0)", type, shape.map { .fixed($0) })
    }
    let y = graph.addNode(name, version: version, inputs, output: "y", attributes: attributes)
    graph.outputs = [y]
    do throws(GraphError) {
        _ = try CompiledGraph(graph).plan(
            inputShapes: Array(repeating: shape, count: inputCount))
        return nil
    } catch {
        return error
    }
}

@Test func anUnknownOperatorIsNamedWithItsDomainAndVersion() throws {
    let error = try #require(failure(OperatorName("Frobnicate", domain: "com.acme"), version: 3))
    #expect(error.place == "node 0 'y' (Frobnicate, com.acme 3)")
    #expect(error.reason.contains("not supported"))
}

@Test func aVersionBeyondTheTableIsNamed() throws {
    let error = try #require(failure(OperatorName("Relu"), version: 99))
    #expect(error.description.contains("version 99 of ai.onnx"))
    #expect(failure(OperatorName("Relu"), version: 6)?.reason.contains("version 6") == true)
}

@Test func wrongArityAttributesAndTypesAreNamed() throws {
    #expect(failure(OperatorName("Relu"), inputCount: 2)?.reason.contains("2 inputs") == true)
    let kind = failure(OperatorName("Softmax"), attributes: ["axis": .string("one")])
    #expect(kind?.reason == "its attribute 'axis' must be an int, but is a string")
    let other = failure(OperatorName("Relu"), attributes: ["slope": .float(1)])
    #expect(other?.reason.contains("'slope'") == true)
    #expect(failure(OperatorName("Sigmoid"), type: .int64)?.reason.contains("int64") == true)
    #expect(failure(OperatorName("Softmax"), attributes: ["axis": .int(2)]) != nil)
    #expect(failure(OperatorName("Transpose"), attributes: ["perm": .ints([0, 0])]) != nil)
    #expect(failure(OperatorName("Cast"), attributes: ["to": .int(99)]) != nil)
    #expect(failure(OperatorName("Cast")) != nil)
}

@Test func extremeAxesAndSizesAreRefusedNotTrapped() {
    for axis in [Int.min, Int.max, -3, 5] {
        for name in ["Softmax", "ArgMax", "Flatten", "Concat", "LogSoftmax"] {
            #expect(failure(OperatorName(name), attributes: ["axis": .int(axis)]) != nil, "\(name)")
        }
        #expect(
            failure(OperatorName("ReduceSum"), version: 11, attributes: ["axes": .ints([axis])])
                != nil)
        #expect(
            failure(OperatorName("Squeeze"), version: 11, attributes: ["axes": .ints([axis])])
                != nil)
    }
    for version in [13, 15] {
        _ = failure(
            OperatorName("Shape"), version: version,
            attributes: ["start": .int(.min), "end": .int(.max)])
    }
}

@Test func hugeShapesAreRefused() {
    for target: [Int64] in [[.max, 2], [.max, .max], [-2, 3], [1 << 40, 0, -1], [.min]] {
        var graph = Graph()
        let shape = graph.addConstant("s", Tensor(.int64, shape: [target.count], target))
        graph.outputs = [
            graph.addNode(OperatorName("ConstantOfShape"), version: 9, [shape], output: "y")
        ]
        #expect(throws: GraphError.self) { try CompiledGraph(graph).plan(inputShapes: []) }
        var other = Graph()
        let x = other.addInput("x", .float32, [.fixed(4)])
        let wanted = other.addConstant("s", Tensor(.int64, shape: [target.count], target))
        other.outputs = [
            other.addNode(OperatorName("Reshape"), version: 13, [x, wanted], output: "y")
        ]
        #expect(throws: GraphError.self) { try CompiledGraph(other).plan(inputShapes: [[4]]) }
    }
}

@Test func aCycleIsFoundWithoutRecursion() {
    var graph = Graph()
    let x = graph.addInput("x", .float32, [.fixed(1)])
    let loop = graph.addValue("loop")
    let sum = graph.addNode(OperatorName("Add"), version: 14, [x, loop], output: "sum")
    graph.nodes.append(
        Node(
            name: "back", operatorName: OperatorName("Relu"), version: 14, inputs: [sum],
            outputs: [loop]))
    graph.outputs = [sum]
    let error = #expect(throws: GraphError.self) { try CompiledGraph(graph) }
    #expect(error?.reason.contains("cycle") == true)
}

@Test func aValueMadeByNobodyIsNamed() {
    var graph = Graph()
    let lost = graph.addValue("lost")
    graph.outputs = [graph.addNode(OperatorName("Relu"), version: 14, [lost], output: "y")]
    let error = #expect(throws: GraphError.self) { try CompiledGraph(graph) }
    #expect(error?.reason.contains("'lost'") == true)
}

@Test func inputsOfTheWrongShapeAreTheCallersMistake() throws {
    let compiled = try CompiledGraph(smallNetwork())
    for shapes in [[[3, 5]], [[3]], [], [[1, 4], [1, 4]], [[-1, 4]]] as [[[Int]]] {
        let error = #expect(throws: GraphError.self) { try compiled.plan(inputShapes: shapes) }
        #expect(error?.kind == .input)
    }
}
