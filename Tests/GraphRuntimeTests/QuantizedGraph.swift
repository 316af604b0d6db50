import GraphRuntime
import Primitives
import Testing

/// Builds graphs between QuantizeLinear and DequantizeLinear, as ONNX Runtime's tool writes them.
struct QuantizedGraph {
    var graph = Graph(name: "quantized")
    var random = SplitMix(seed: 5)
    let isSigned: Bool

    init(isSigned: Bool) { self.isSigned = isSigned }

    mutating func input(_ shape: [Int]) -> ValueID {
        graph.addInput("x", .float32, [.symbol("n")] + shape.map { .fixed($0) })
    }

    mutating func node(
        _ name: String, _ inputs: [ValueID?], _ attributes: [String: Attribute] = [:]
    ) -> ValueID {
        graph.addNode(
            OperatorName(name), version: 20, inputs, output: "v\(graph.values.count)",
            attributes: attributes)
    }

    mutating func float(_ values: [Float], _ shape: [Int] = []) -> ValueID {
        graph.addConstant("c\(graph.values.count)", Tensor(.float32, shape: shape, values))
    }

    /// Rounded to bytes and back: what stands between two operators.
    mutating func rounded(_ x: ValueID, scale: Float, zero: Int) -> ValueID {
        let type: DataType = isSigned ? .int8 : .uint8
        let byte = UInt8(truncatingIfNeeded: isSigned ? zero - 128 : zero)
        let factor = float([scale])
        let point = graph.addConstant(
            "z\(graph.values.count)", Tensor(type, shape: [], [byte]))
        let bytes = node("QuantizeLinear", [x, factor, point])
        return node("DequantizeLinear", [bytes, factor, point])
    }

    mutating func byte() -> Int8 { Int8(truncatingIfNeeded: Int(random.next() >> 40)) / 2 }

    /// Constant weights, with a scale for each index of an axis, and the scales.
    mutating func weights(
        _ shape: [Int], axis: Int, isPerChannel: Bool
    ) -> (id: ValueID, scales: [Float]) {
        let count = shape.reduce(1, *)
        let values = (0..<count).map { _ in byte() }
        let channels = isPerChannel ? shape[axis] : 1
        let scales = (0..<channels).map { 0.004 + Float($0) / 8192 }
        let list = float(scales, isPerChannel ? [channels] : [])
        let zeros = graph.addConstant(
            "z\(graph.values.count)",
            Tensor(
                .int8, shape: isPerChannel ? [channels] : [],
                [Int8](repeating: 0, count: channels)))
        let bytes = graph.addConstant(
            "w\(graph.values.count)", Tensor(.int8, shape: shape, values))
        return (
            node("DequantizeLinear", [bytes, list, zeros], ["axis": .int(axis)]),
            (0..<shape[axis]).map { scales[isPerChannel ? $0 : 0] }
        )
    }

    /// An int32 bias in units of the sums.
    mutating func bias(_ x: Float, _ scales: [Float]) -> ValueID {
        let values = scales.indices.map { _ in Int32(byte()) * 20 }
        let bytes = graph.addConstant(
            "b\(graph.values.count)", Tensor(.int32, shape: [scales.count], values))
        let list = float(scales.map { x * $0 }, [scales.count])
        return node("DequantizeLinear", [bytes, list], ["axis": .int(0)])
    }
}

func names(_ graph: Graph, _ shape: [Int], passes: Set<Pass>) throws -> [String] {
    try CompiledGraph(graph, passes: passes).plan(inputShapes: [shape]).stepOperators.map(\.name)
}

func run(_ graph: Graph, _ x: Tensor, _ passes: Set<Pass>) throws -> [Float] {
    try CompiledGraph(graph, passes: passes).run([x])[0].array(as: Float.self)
}

/// Answers with and without passes: at most one step of the last rounding apart, and few of them.
func expectSteps(
    _ graph: Graph, _ x: Tensor, step: Float, passes: Set<Pass> = Set(Pass.allCases)
) throws {
    let (made, plain) = (try run(graph, x, passes), try run(graph, x, []))
    #expect(made.count == plain.count && Set(plain).count > 8, "the graph says something")
    var different = 0
    for (a, b) in zip(made, plain) {
        #expect(abs(a - b) <= step * 1.01)
        if a != b { different += 1 }
    }
    #expect(different * 50 <= made.count, "\(different) of \(made.count) are rounded otherwise")
}

func images(_ shape: [Int]) -> Tensor {
    Tensor(.float32, shape: shape, values(shape.reduce(1, *), seed: 8).map { $0 * 3 })
}
