import ONNXProto
import SwiftProtobuf

/// Small ONNX files made in memory.
enum ONNXFixture {
    /// A float32 tensor by its values.
    static func tensor(_ name: String, _ dims: [Int64], _ values: [Float]) -> Onnx_TensorProto {
        var proto = Onnx_TensorProto()
        proto.name = name
        proto.dims = dims
        proto.dataType = Int32(Onnx_TensorProto.DataType.float.rawValue)
        proto.floatData = values
        return proto
    }

    /// An input or output; nil is a free size.
    static func value(_ name: String, _ dims: [Int64?]) -> Onnx_ValueInfoProto {
        var proto = Onnx_ValueInfoProto()
        proto.name = name
        proto.type.tensorType.elemType = Int32(Onnx_TensorProto.DataType.float.rawValue)
        proto.type.tensorType.shape.dim = dims.map { size in
            var dimension = Onnx_TensorShapeProto.Dimension()
            if let size { dimension.dimValue = size } else { dimension.dimParam = "batch" }
            return dimension
        }
        return proto
    }

    static func node(
        _ kind: String, _ inputs: [String], _ outputs: [String], domain: String = "",
        attributes: [Onnx_AttributeProto] = []
    ) -> Onnx_NodeProto {
        var proto = Onnx_NodeProto()
        proto.opType = kind
        proto.name = "the \(kind)"
        proto.domain = domain
        proto.input = inputs
        proto.output = outputs
        proto.attribute = attributes
        return proto
    }

    static func ints(_ name: String, _ values: [Int64]) -> Onnx_AttributeProto {
        var proto = Onnx_AttributeProto()
        proto.name = name
        proto.type = .ints
        proto.ints = values
        return proto
    }

    static func floats(_ name: String, _ values: [Float]) -> Onnx_AttributeProto {
        var proto = Onnx_AttributeProto()
        proto.name = name
        proto.type = .floats
        proto.floats = values
        return proto
    }

    static func strings(_ name: String, _ values: [String]) -> Onnx_AttributeProto {
        var proto = Onnx_AttributeProto()
        proto.name = name
        proto.type = .strings
        proto.strings = values.map { .init($0.utf8) }
        return proto
    }

    static func model(
        _ nodes: [Onnx_NodeProto], inputs: [Onnx_ValueInfoProto], outputs: [Onnx_ValueInfoProto],
        initializers: [Onnx_TensorProto] = [], version: Int64 = 17
    ) -> Onnx_ModelProto {
        var proto = Onnx_ModelProto()
        proto.irVersion = 8
        for (domain, version) in [("", version), ("ai.onnx.ml", 3)] {
            var opset = Onnx_OperatorSetIdProto()
            opset.domain = domain
            opset.version = version
            proto.opsetImport.append(opset)
        }
        proto.graph.name = "fixture"
        proto.graph.node = nodes
        proto.graph.input = inputs
        proto.graph.output = outputs
        proto.graph.initializer = initializers
        return proto
    }

    /// x [batch, 3] · w [3, 2] + b, softmax.
    static func network() -> Onnx_ModelProto {
        model(
            [
                node("MatMul", ["x", "w"], ["p"]), node("Add", ["p", "b"], ["s"]),
                node("Softmax", ["s"], ["y"]),
            ],
            inputs: [value("x", [nil, 3])], outputs: [value("y", [nil, 2])],
            initializers: [
                tensor("w", [3, 2], [0.5, -1, 2, 0.25, -0.75, 1]), tensor("b", [2], [0.1, -0.1]),
            ])
    }

    /// One tree with one test: classes "no" and "yes".
    static func tree(_ change: (inout Onnx_NodeProto) -> Void = { _ in }) -> Onnx_ModelProto {
        var node = node(
            "TreeEnsembleClassifier", ["x"], ["label", "y"], domain: "ai.onnx.ml",
            attributes: [
                ints("nodes_treeids", [0, 0, 0]), ints("nodes_nodeids", [0, 1, 2]),
                ints("nodes_featureids", [1, 0, 0]), floats("nodes_values", [0.5, 0, 0]),
                strings("nodes_modes", ["BRANCH_LEQ", "LEAF", "LEAF"]),
                ints("nodes_truenodeids", [1, 0, 0]), ints("nodes_falsenodeids", [2, 0, 0]),
                ints("class_treeids", [0, 0, 0, 0]), ints("class_nodeids", [1, 1, 2, 2]),
                ints("class_ids", [0, 1, 0, 1]), floats("class_weights", [0.75, 0.25, 0.5, 1.5]),
                strings("classlabels_strings", ["no", "yes, definitely so"]),
            ])
        change(&node)
        return model(
            [node], inputs: [value("x", [nil, 3])],
            outputs: [value("label", [nil]), value("y", [nil, 2])])
    }

    static func bytes(_ proto: Onnx_ModelProto) throws -> [UInt8] { try proto.serializedBytes() }
}
