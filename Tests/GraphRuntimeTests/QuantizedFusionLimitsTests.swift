import GraphRuntime
import Primitives
import Testing

private let all = Set(Pass.allCases)

/// A convolution whose weights are `count` filters of one point.
private func convolution(
    _ it: inout QuantizedGraph, _ count: Int
) -> ValueID {
    let x = it.rounded(it.input([4, 6, 6]), scale: 0.03, zero: 60)
    let w = it.weights([count, 4, 1, 1], axis: 0, isPerChannel: false)
    return it.node("Conv", [x, w.id])
}

/// An Identity between a convolution and what reads it: the fusion took the convolution away from under
/// another reader, and the model ended the process.
@Test(arguments: [false, true]) func anIdentityHidesNoReader(isRead: Bool) throws {
    var it = QuantizedGraph(isSigned: false)
    let y = convolution(&it, 8)
    let same = it.node("Identity", [it.node("Relu", [y])])
    let result = it.rounded(same, scale: 0.02, zero: 100)
    it.graph.outputs = isRead ? [result, same] : [result]
    let made = try names(it.graph, [2, 4, 6, 6], passes: all)
    #expect(made.contains("QLinearConvRows") == !isRead)
    let input = images([2, 4, 6, 6])
    let fused = try CompiledGraph(it.graph).run([input])
    let plain = try CompiledGraph(it.graph, passes: []).run([input])
    #expect(fused.count == plain.count)
    for (left, right) in zip(fused, plain) {
        let (left, right) = (left.array(as: Float.self), right.array(as: Float.self))
        for (a, b) in zip(left, right) { #expect(abs(a - b) <= 0.0202) }
    }
}

/// Two ranges without a common value: the answer is the end of the second that is nearer to the first.
@Test func rangesThatDoNotMeetEndAtTheSecond() throws {
    for (first, second) in [((2.0, 3.0), (0.0, 1.0)), ((0.0, 9.0), (-0.6, -0.1))]
        as [((Float, Float), (Float, Float))]
    {
        var it = QuantizedGraph(isSigned: false)
        var y = convolution(&it, 8)
        for range in [first, second] {
            y = it.node("Clip", [y, it.float([range.0]), it.float([range.1])])
        }
        it.graph.outputs = [it.rounded(y, scale: 0.02, zero: 100)]
        let input = images([2, 4, 6, 6])
        let (fused, plain) = (try run(it.graph, input, all), try run(it.graph, input, []))
        #expect(fused == plain)
        let made = try names(it.graph, [2, 4, 6, 6], passes: all)
        #expect(made.contains("QLinearConvRows"))
    }
}

/// float32 saturates where a sum of 32 bits would wrap.
@Test func sumsThatCouldWrapStayFloat() throws {
    for most in [Int32.max, 1_000] {
        var it = QuantizedGraph(isSigned: false)
        let x = it.rounded(it.input([4, 6, 6]), scale: 0.03, zero: 60)
        let w = it.weights([8, 4, 1, 1], axis: 0, isPerChannel: false)
        let bytes = it.graph.addConstant(
            "b", Tensor(.int32, shape: [8], [Int32](repeating: most, count: 8)))
        let list = it.float(w.scales.map { 0.03 * $0 }, [8])
        let bias = it.node("DequantizeLinear", [bytes, list], ["axis": .int(0)])
        let y = it.node("Conv", [x, w.id, bias])
        it.graph.outputs = [it.rounded(y, scale: 0.02, zero: 100)]
        let made = try names(it.graph, [2, 4, 6, 6], passes: all)
        #expect(made.contains("QLinearConvRows") == (most == 1_000))
        let input = images([2, 4, 6, 6])
        let (fused, plain) = (try run(it.graph, input, all), try run(it.graph, input, []))
        for (a, b) in zip(fused, plain) { #expect(abs(a - b) <= 0.0202) }
    }
}

/// A Gemm's C may be a column, and then belongs to rows, even where there are as many.
@Test func aBiasOfAColumnIsNoBiasOfTheRow() throws {
    var it = QuantizedGraph(isSigned: false)
    let x = it.rounded(it.input([12]), scale: 0.03, zero: 60)
    let w = it.weights([12, 5], axis: 1, isPerChannel: false)
    let values = (0..<5).map { Int32($0) * 900 }
    let bytes = it.graph.addConstant("b", Tensor(.int32, shape: [5, 1], values))
    let bias = it.node("DequantizeLinear", [bytes, it.float([0.03 * w.scales[0]])])
    let y = it.node("Gemm", [x, w.id, bias])
    it.graph.outputs = [it.rounded(y, scale: 0.02, zero: 100)]
    let input = images([5, 12])
    let (fused, plain) = (try run(it.graph, input, all), try run(it.graph, input, []))
    for (a, b) in zip(fused, plain) { #expect(abs(a - b) <= 0.0202) }
}

/// As training tools write them: float32 weights, quantized in the file.
@Test func weightsThatTheFileQuantizesAreBytes() throws {
    var it = QuantizedGraph(isSigned: true)
    let x = it.rounded(it.input([4, 6, 6]), scale: 0.03, zero: 60)
    let numbers = (0..<8 * 4).map { Float($0 % 13) * 0.05 - 0.3 }
    let w = it.rounded(it.float(numbers, [8, 4, 1, 1]), scale: 0.004, zero: 128)
    it.graph.outputs = [it.rounded(it.node("Conv", [x, w]), scale: 0.02, zero: 100)]
    let made = try names(it.graph, [2, 4, 6, 6], passes: all)
    #expect(made.contains("QLinearConvRows"))
    try expectSteps(it.graph, images([2, 4, 6, 6]), step: 0.02)
}

/// Long runs against one byte, on either side, and against a run that comes again.
@Test func pairsOfBytesBroadcastInLongRuns() throws {
    let slices: [(start: Int, axis: Int, isFirst: Bool)] = [
        (1, 2, false), (1, 2, true), (2, 1, false), (2, 1, true),
    ]
    for (start, axis, isFirst) in slices {
        for name in ["Add", "Mul"] {
            var it = QuantizedGraph(isSigned: true)
            let x = it.rounded(it.input([4, 700]), scale: 0.04, zero: 128)
            func list(_ name: String, _ value: Int) -> ValueID {
                it.graph.addConstant(name, Tensor(.int64, shape: [1], [Int64(value)]))
            }
            let part = it.node(
                "Slice", [x, list("start", start), list("end", start + 1), list("axis", axis)])
            let one = it.rounded(part, scale: 0.05, zero: 110)
            let y = it.node(name, isFirst ? [one, x] : [x, one])
            it.graph.outputs = [it.rounded(y, scale: 0.06, zero: 110)]
            let input = images([3, 4, 700])
            #expect(try names(it.graph, [3, 4, 700], passes: all).contains("BytePair"))
            #expect(try run(it.graph, input, all) == run(it.graph, input, []))
        }
    }
}
