import GraphRuntime
import Primitives
import Testing

private let choices: [(isSigned: Bool, isPerChannel: Bool)] = [
    (false, false), (false, true), (true, false), (true, true),
]

/// Convolutions of every kind, a pool, a sum and a layer, one after the other.
private func network(_ choice: (isSigned: Bool, isPerChannel: Bool)) -> Graph {
    var it = QuantizedGraph(isSigned: choice.isSigned)
    var x = it.rounded(it.input([3, 9, 10]), scale: 0.05, zero: 120)
    func convolution(
        _ x: ValueID, _ shape: [Int], scale: Float, output: Float, zero: Int,
        _ attributes: [String: Attribute], isRectified: Bool = false
    ) -> ValueID {
        let w = it.weights(shape, axis: 0, isPerChannel: choice.isPerChannel)
        let b = it.bias(scale, w.scales)
        var y = it.node("Conv", [x, w.id, b], attributes)
        if isRectified { y = it.node("Relu", [y]) }
        return it.rounded(y, scale: output, zero: zero)
    }
    x = convolution(
        x, [20, 3, 3, 3], scale: 0.05, output: 0.04, zero: 0,
        ["pads": .ints([1, 1, 1, 1])], isRectified: true)
    let first = x
    x = convolution(
        x, [20, 1, 3, 3], scale: 0.04, output: 0.05, zero: 100,
        ["pads": .ints([1, 1, 1, 1]), "group": .int(20)])
    x = convolution(
        x, [20, 10, 2, 2], scale: 0.05, output: 0.06, zero: 128,
        ["pads": .ints([0, 0, 2, 2]), "dilations": .ints([2, 2]), "group": .int(2)])
    x = it.rounded(it.node("Add", [x, first]), scale: 0.08, zero: 90)
    let pooled = it.node(
        "MaxPool", [x], ["kernel_shape": .ints([2, 2]), "strides": .ints([2, 2])])
    x = it.rounded(pooled, scale: 0.08, zero: 90)
    x = it.rounded(it.node("Flatten", [x]), scale: 0.08, zero: 90)
    let w = it.weights([11, 400], axis: 0, isPerChannel: choice.isPerChannel)
    let y = it.node("Gemm", [x, w.id, it.bias(0.08, w.scales)], ["transB": .int(1)])
    it.graph.outputs = [it.rounded(y, scale: 0.2, zero: 128)]
    return it.graph
}

@Test(arguments: choices)
func aQuantizedNetworkRunsOnBytes(_ choice: (isSigned: Bool, isPerChannel: Bool)) throws {
    let graph = network(choice)
    let made = try names(graph, [2, 3, 9, 10], passes: Set(Pass.allCases))
    #expect(made.filter { $0 == "QLinearConvRows" }.count == 3)
    #expect(made.contains("BytePair") && made.contains("ByteProduct"))
    #expect(!made.contains("Conv") && !made.contains("Relu") && !made.contains("Gemm"))
    #expect(made.filter { $0.hasSuffix("QuantizeLinear") }.count == 1)
    #expect(made.filter { $0 == "DequantizeLinear" }.count == 1)
    // A rounding of an early layer that goes the other way moves what comes behind it.
    let x = images([4, 3, 9, 10])
    let (bytes, plain) = (try run(graph, x, Set(Pass.allCases)), try run(graph, x, []))
    #expect(Set(plain).count > 8)
    var different = 0
    for (a, b) in zip(bytes, plain) {
        #expect(abs(a - b) <= 0.41)
        if abs(a - b) > 0.21 { different += 1 }
    }
    #expect(different == 0)
}

@Test(arguments: choices)
func layersOfBytesAreTheSameInEveryBatch(
    _ choice: (isSigned: Bool, isPerChannel: Bool)
) throws {
    let compiled = try CompiledGraph(network(choice))
    let count = 3 * 9 * 10
    let all = images([7, 3, 9, 10]).array(as: Float.self)
    let whole = try compiled.run([Tensor(.float32, shape: [7, 3, 9, 10], all)])[0]
        .array(as: Float.self)
    for row in 0..<7 {
        let x = Tensor(
            .float32, shape: [1, 3, 9, 10], Array(all[row * count..<(row + 1) * count]))
        let alone = try compiled.run([x])[0].array(as: Float.self)
        #expect(alone == Array(whole[row * 11..<(row + 1) * 11]))
    }
}

/// The pass alone, without the layout: convolutions stay as they lie, and the answers.
@Test func bytesWithAndWithoutTheirLayoutAreTheSame() throws {
    let graph = network((true, true))
    let x = images([2, 3, 9, 10])
    let all = try run(graph, x, Set(Pass.allCases))
    let alone = try run(graph, x, [.fuseQuantized])
    #expect(all == alone)
}

@Test(arguments: [false, true]) func aConvolutionIsRoundedAsFloatsAre(isSigned: Bool) throws {
    for clamp in ["none", "Relu", "Clip"] {
        var it = QuantizedGraph(isSigned: isSigned)
        let x = it.rounded(it.input([4, 6, 6]), scale: 0.03, zero: 60)
        let w = it.weights([24, 4, 3, 3], axis: 0, isPerChannel: true)
        var y = it.node("Conv", [x, w.id, it.bias(0.03, w.scales)])
        if clamp == "Relu" { y = it.node("Relu", [y]) }
        if clamp == "Clip" { y = it.node("Clip", [y, it.float([-0.3]), it.float([0.9])]) }
        it.graph.outputs = [it.rounded(y, scale: 0.02, zero: 100)]
        let made = try names(it.graph, [2, 4, 6, 6], passes: Set(Pass.allCases))
        #expect(made.contains("QLinearConvRows") && !made.contains(clamp))
        try expectSteps(it.graph, images([2, 4, 6, 6]), step: 0.02)
    }
}

/// Functions become tables and moves stay moves: the very same bits as by way of float32.
@Test(arguments: [false, true]) func functionsAndMovesOfBytesAreExact(isSigned: Bool) throws {
    let functions: [(String, [String: Attribute])] = [
        ("Sigmoid", [:]), ("Relu", [:]), ("Tanh", [:]), ("LeakyRelu", ["alpha": .float(0.1)]),
        ("HardSwish", [:]), ("Exp", [:]),
    ]
    for (name, attributes) in functions {
        var it = QuantizedGraph(isSigned: isSigned)
        let x = it.rounded(it.input([37]), scale: 0.04, zero: 128)
        let y = it.node(name, [x], attributes)
        it.graph.outputs = [it.rounded(y, scale: 0.01, zero: 40)]
        let made = try names(it.graph, [3, 37], passes: Set(Pass.allCases))
        #expect(made.contains("ByteMap") && !made.contains(name), "\(name): \(made)")
        let input = images([3, 37])
        #expect(try run(it.graph, input, Set(Pass.allCases)) == run(it.graph, input, []))
    }
    var it = QuantizedGraph(isSigned: isSigned)
    let x = it.rounded(it.input([4, 6]), scale: 0.04, zero: 128)
    let turned = it.rounded(
        it.node("Transpose", [x], ["perm": .ints([0, 2, 1])]), scale: 0.05, zero: 100)
    let flat = it.rounded(it.node("Flatten", [turned]), scale: 0.05, zero: 100)
    let other = it.rounded(it.node("Flatten", [x]), scale: 0.06, zero: 90)
    let joined = it.node("Concat", [flat, other], ["axis": .int(1)])
    let product = it.rounded(joined, scale: 0.06, zero: 90)
    let square = it.rounded(it.node("Mul", [product, product]), scale: 0.07, zero: 10)
    it.graph.outputs = [it.rounded(it.node("Add", [square, product]), scale: 0.08, zero: 60)]
    let made = try names(it.graph, [3, 4, 6], passes: Set(Pass.allCases))
    #expect(made.filter { $0 == "BytePair" }.count == 2)
    #expect(made.filter { $0.contains("uantizeLinear") }.count == 2)
    let input = images([3, 4, 6])
    #expect(try run(it.graph, input, Set(Pass.allCases)) == run(it.graph, input, []))
}

/// Sums that broadcast go the other way of the same operator.
@Test func pairsOfBytesBroadcast() throws {
    var it = QuantizedGraph(isSigned: true)
    let x = it.rounded(it.input([4, 6]), scale: 0.04, zero: 128)
    let part = it.node(
        "Slice",
        [
            x, it.graph.addConstant("start", Tensor(.int64, shape: [1], [Int64(1)])),
            it.graph.addConstant("end", Tensor(.int64, shape: [1], [Int64(2)])),
            it.graph.addConstant("axis", Tensor(.int64, shape: [1], [Int64(1)])),
        ])
    let row = it.rounded(part, scale: 0.04, zero: 128)
    it.graph.outputs = [it.rounded(it.node("Add", [x, row]), scale: 0.06, zero: 110)]
    let input = images([3, 4, 6])
    #expect(try names(it.graph, [3, 4, 6], passes: Set(Pass.allCases)).contains("BytePair"))
    #expect(try run(it.graph, input, Set(Pass.allCases)) == run(it.graph, input, []))
}

@Test func whatSomebodyElseReadsStaysFloat() throws {
    var it = QuantizedGraph(isSigned: false)
    let x = it.rounded(it.input([4, 6, 6]), scale: 0.03, zero: 60)
    let w = it.weights([8, 4, 1, 1], axis: 0, isPerChannel: false)
    let y = it.node("Conv", [x, w.id])
    it.graph.outputs = [it.rounded(y, scale: 0.02, zero: 100), y]
    let made = try names(it.graph, [2, 4, 6, 6], passes: Set(Pass.allCases))
    #expect(!made.contains("QLinearConvRows"))
    let input = images([2, 4, 6, 6])
    let plain = try CompiledGraph(it.graph, passes: []).run([input])
    let fused = try CompiledGraph(it.graph).run([input])
    for (a, b) in zip(fused[1].array(as: Float.self), plain[1].array(as: Float.self)) {
        #expect(abs(a - b) <= 1e-5)
    }
}

/// A bias that is not in units of the sums cannot be added to them.
@Test func aBiasOfAnotherScaleKeepsTheConvolutionFloat() throws {
    var it = QuantizedGraph(isSigned: false)
    let x = it.rounded(it.input([4, 6, 6]), scale: 0.03, zero: 60)
    let w = it.weights([8, 4, 1, 1], axis: 0, isPerChannel: false)
    let y = it.node("Conv", [x, w.id, it.bias(0.5, w.scales)])
    it.graph.outputs = [it.rounded(y, scale: 0.02, zero: 100)]
    let made = try names(it.graph, [2, 4, 6, 6], passes: Set(Pass.allCases))
    #expect(!made.contains("QLinearConvRows"))
    try expectSteps(it.graph, images([2, 4, 6, 6]), step: 0.02)
}

/// A layer whose ranges are taken at run time is one product, the bias in float32.
@Test(arguments: [false, true]) func aDynamicLayerIsOneProduct(isPerColumn: Bool) throws {
    var it = QuantizedGraph(isSigned: false)
    let x = it.input([5, 24])
    let bytes = it.graph.addValue("bytes")
    let (scale, zero) = (it.graph.addValue("scale"), it.graph.addValue("zero"))
    it.graph.nodes.append(
        Node(
            name: "dynamic", operatorName: OperatorName("DynamicQuantizeLinear"), version: 20,
            inputs: [x], outputs: [bytes, scale, zero]))
    let list = (0..<24 * 19).map { _ in it.byte() }
    let w = it.graph.addConstant("w", Tensor(.int8, shape: [24, 19], list))
    let wScale =
        isPerColumn
        ? it.float((0..<19).map { 0.01 + Float($0) / 1000 }, [19]) : it.float([0.02])
    let wZero = it.graph.addConstant("wz", Tensor(.int8, shape: [], [Int8(3)]))
    let sums = it.node("MatMulInteger", [bytes, w, zero, wZero])
    let real = it.node("Cast", [sums], ["to": .int(1)])
    let y = it.node("Mul", [real, it.node("Mul", [scale, wScale])])
    let bias = it.float((0..<19).map { Float($0) - 9 }, [19])
    it.graph.outputs = [it.node("Add", [bias, y])]
    let made = try names(it.graph, [2, 5, 24], passes: Set(Pass.allCases))
    #expect(made == ["DynamicQuantizeLinear", "ByteProduct"])
    let input = images([2, 5, 24])
    let (fused, plain) = (
        try run(it.graph, input, Set(Pass.allCases)), try run(it.graph, input, [])
    )
    for (a, b) in zip(fused, plain) { #expect(abs(a - b) <= 1e-5 * max(1, abs(b))) }
}

/// A convolution whose range is taken at run time: exact sums, so the same bits in any layout.
@Test(arguments: [1, 6]) func aDynamicConvolutionIsTheSameInAnyLayout(groups: Int) throws {
    var it = QuantizedGraph(isSigned: false)
    let x = it.input([6, 7, 8])
    let bytes = it.graph.addValue("bytes")
    let (scale, zero) = (it.graph.addValue("scale"), it.graph.addValue("zero"))
    it.graph.nodes.append(
        Node(
            name: "dynamic", operatorName: OperatorName("DynamicQuantizeLinear"), version: 20,
            inputs: [x], outputs: [bytes, scale, zero]))
    let shape = [12, 6 / groups, 3, 3]
    let list = (0..<shape.reduce(1, *)).map { _ in UInt8(bitPattern: it.byte()) }
    let w = it.graph.addConstant("w", Tensor(.uint8, shape: shape, list))
    let wZero = it.graph.addConstant("wz", Tensor(.uint8, shape: [], [UInt8(100)]))
    let sums = it.node(
        "ConvInteger", [bytes, w, zero, wZero],
        ["pads": .ints([1, 1, 1, 1]), "group": .int(groups), "strides": .ints([2, 1])])
    let real = it.node("Cast", [sums], ["to": .int(1)])
    let factor = it.node("Mul", [scale, it.float([0.02])])
    it.graph.outputs = [it.node("Relu", [it.node("Mul", [real, factor])])]
    let made = try names(it.graph, [2, 6, 7, 8], passes: Set(Pass.allCases))
    #expect(made.contains("ConvIntegerRows"))
    #expect(made.filter { $0 == "Transpose" }.count == 2)
    let input = images([2, 6, 7, 8])
    #expect(try run(it.graph, input, Set(Pass.allCases)) == run(it.graph, input, []))
}
