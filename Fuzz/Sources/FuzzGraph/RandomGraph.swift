import GraphRuntime
import Primitives

/// Small graphs out of bytes: operators that may fit their inputs or not.
enum RandomGraph {
    private static let types: [DataType] = [
        .float32, .float32, .float32, .int64, .int64, .int32, .bool, .float64, .float16, .uint8,
        .int8, .string,
    ]

    private static let operators = [
        "Abs", "Add", "And", "ArgMax", "AveragePool", "BatchNormalization", "Cast", "Ceil", "Clip",
        "Concat", "ConstantOfShape", "Conv", "ConvTranspose", "CumSum", "DepthToSpace",
        "DequantizeLinear", "Div", "DynamicQuantizeLinear", "Einsum", "Equal", "Erf", "Exp",
        "Expand",
        "EyeLike", "Flatten", "GRU", "Gather", "GatherElements", "GatherND", "Gelu", "Gemm",
        "GlobalAveragePool", "GlobalMaxPool", "Greater", "HardSigmoid", "HardSwish", "Hardmax",
        "Identity", "InstanceNormalization", "LRN", "LSTM", "LayerNormalization", "LeakyRelu",
        "Less",
        "Log", "LogSoftmax", "LpNormalization", "MatMul", "MatMulInteger", "Max", "MaxPool", "Mean",
        "Min", "Mod", "Mul", "Neg", "NonMaxSuppression", "NonZero", "Not", "OneHot", "PRelu", "Pad",
        "Pow", "QLinearMatMul", "QuantizeLinear", "Range", "Reciprocal", "ReduceMax", "ReduceMean",
        "ReduceSum", "Relu", "Reshape", "Resize", "ReverseSequence", "Round", "ScatterElements",
        "ScatterND", "Shape", "Sigmoid", "Sign", "Size", "Slice", "Softmax", "SpaceToDepth",
        "Split",
        "Sqrt", "Squeeze", "Sub", "Sum", "Tanh", "Tile", "TopK", "Transpose", "Trilu", "Unique",
        "Unsqueeze", "Where", "Xor",
    ]
    private static let contributed = [
        "Attention", "BiasGelu", "EmbedLayerNormalization", "FastGelu", "FusedConv", "FusedGemm",
        "FusedMatMul", "MatMulIntegerToFloat", "MultiHeadAttention", "QGemm", "QLinearAdd",
        "QLinearConcat", "QLinearGlobalAveragePool", "QuickGelu", "SkipLayerNormalization",
    ]
    private static let names: [(String, Bool)] = [
        ("axis", false), ("axes", true), ("perm", true), ("keepdims", false),
        ("kernel_shape", true),
        ("pads", true), ("strides", true), ("dilations", true), ("group", false), ("to", false),
        ("num_heads", false), ("transA", false), ("transB", false), ("hidden_size", false),
        ("blocksize", false), ("ceil_mode", false), ("num_outputs", false), ("batch_dims", false),
        ("output_padding", true), ("size", false), ("sorted", false), ("select_last_index", false),
    ]

    static func make(_ source: inout ByteSource) -> Graph {
        var graph = Graph(name: "random")
        var known: [ValueID] = []
        for index in 0...source.below(3) {
            let shape = shape(&source).map { $0 == 5 ? Dimension.symbol("n") : .fixed($0) }
            known.append(graph.addInput("x\(index)", source.pick(types), shape))
        }
        let version = source.pick([7, 11, 13, 17, 21, 24])
        for index in 0..<1 + source.below(10) {
            while source.below(3) == 1, !source.isEmpty {
                let type = source.pick(types)
                known.append(
                    graph.addConstant(
                        "c\(known.count)", tensor(type, shape(&source).map { $0 % 5 }, &source)))
            }
            known += addNode(&graph, known, index, version, &source)
        }
        graph.outputs = Array(known.suffix(1 + source.below(3)))
        return graph
    }

    private static func addNode(
        _ graph: inout Graph, _ known: [ValueID], _ index: Int, _ version: Int,
        _ source: inout ByteSource
    ) -> [ValueID] {
        let isContributed = source.below(6) == 5
        let name =
            isContributed
            ? OperatorName(source.pick(contributed), domain: "com.microsoft")
            : OperatorName(source.pick(operators))
        var inputs: [ValueID?] = []
        for _ in 0..<source.below(8) {
            let place = source.below(256)
            // Mostly what was made last: chains run deeper.
            inputs.append(place >= 250 ? nil : known[max(known.count - 1 - place % 6, 0)])
        }
        var attributes: [String: Attribute] = [:]
        for _ in 0..<source.below(4) {
            let (name, isList) = source.pick(names)
            let number = source.below(9) - 2
            attributes[name] =
                isList
                ? .ints((0..<source.below(5)).map { _ in source.below(6) - 1 }) : .int(number)
        }
        if name.name == "Einsum" {
            attributes = [
                "equation": .string(source.pick(["ij,jk->ik", "...i->...", "ii->i", "i,j"]))
            ]
        }
        let outputs = (0..<1 + source.below(3) / 2).map { graph.addValue("v\(index)_\($0)") }
        graph.nodes.append(
            Node(
                name: "n\(index)", operatorName: name, version: isContributed ? 1 : version,
                inputs: inputs, outputs: outputs.map { $0 }, attributes: attributes, position: index
            ))
        return outputs
    }

    private static func shape(_ source: inout ByteSource) -> [Int] {
        (0..<source.below(5)).map { _ in source.pick([0, 1, 2, 3, 4, 5, 2, 3]) }
    }

    static func tensor(_ type: DataType, _ shape: [Int], _ source: inout ByteSource) -> Tensor {
        let count = shape.reduce(1, *)
        let numbers = (0..<count).map { _ in source.byte() }
        switch type {
        case .float32:
            return Tensor(type, shape: shape, numbers.map { Self.real($0) })
        case .float64:
            return Tensor(type, shape: shape, numbers.map { Double(Self.real($0)) })
        case .int64, .uint64:
            let whole = numbers.map { $0 == 255 ? Int64.min : Int64($0 % 13 - 4) }
            return Tensor(type, shape: shape, whole)
        case .int32, .uint32:
            let whole = numbers.map { $0 == 255 ? Int32.min : Int32($0 % 13 - 4) }
            return Tensor(type, shape: shape, whole)
        case .int16, .uint16, .float16, .bfloat16:
            return Tensor(type, shape: shape, numbers.map { UInt16($0 << 7) })
        case .int8, .uint8: return Tensor(type, shape: shape, numbers.map { UInt8($0) })
        case .bool: return Tensor(type, shape: shape, numbers.map { UInt8($0 & 1) })
        case .string: return Tensor(shape: shape, strings: numbers.map { String($0) })
        }
    }

    private static func real(_ byte: Int) -> Float {
        switch byte {
        case 255: .nan
        case 254: .infinity
        case 253: -.infinity
        case 252: 1e30
        default: Float(byte - 126) / 16
        }
    }
}
