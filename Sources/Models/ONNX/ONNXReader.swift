import FoundationEssentials
import GraphRuntime
import ONNXProto
import Primitives
import SwiftProtobuf

/// Reads an ONNX file into a graph. A file is data: reading one runs no code, and one that is
/// truncated, contradictory or absurd gives an error that names the place.
public struct ONNXReader {
    private let path: String
    private let limits: Limits
    private var graph = Graph()
    private var ids: [String: ValueID] = [:]
    private var versions: [String: Int] = [:]
    private var inputIDs: Set<ValueID> = []

    private init(path: String, limits: Limits) {
        self.path = path
        self.limits = limits
    }

    /// Reads the file at `path`.
    /// - Cost: the file's size in memory, twice for the weights while it is read.
    public static func read(
        path: String, limits: Limits = .standard
    ) throws(ModelLoadError) -> Graph {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try FileSystem.contents(of: path, byteCountMax: limits.modelBytesMax)
        } catch {
            throw ModelLoadError(path: path, reason: error.reason)
        }
        return try read(bytes, path: path, limits: limits)
    }

    /// Reads a file that is in memory already; `path` is for messages only.
    public static func read(
        _ bytes: [UInt8], path: String, limits: Limits = .standard
    ) throws(ModelLoadError) -> Graph {
        let proto: Onnx_ModelProto
        do {
            proto = try Onnx_ModelProto(serializedBytes: bytes)
        } catch {
            throw ModelLoadError(
                path: path,
                reason: "it is no ONNX model, or only a part of one (protobuf: \(error))")
        }
        var reader = ONNXReader(path: path, limits: limits)
        try reader.read(proto)
        return reader.graph
    }

    private mutating func read(_ proto: Onnx_ModelProto) throws(ModelLoadError) {
        guard proto.hasGraph, !proto.opsetImport.isEmpty else {
            throw failure("it is no ONNX model: it has no graph or imports no operators")
        }
        for entry in proto.opsetImport {
            let domain = entry.domain == "ai.onnx" ? "" : entry.domain
            versions[domain] = Int(entry.version)
        }
        graph.name = proto.graph.name
        guard proto.graph.node.count <= limits.graphNodesMax else {
            throw failure(
                "its graph has \(proto.graph.node.count) nodes; at most \(limits.graphNodesMax) are "
                    + "taken")
        }
        guard proto.graph.sparseInitializer.isEmpty else {
            throw failure("sparse initializers are not supported")
        }
        for tensor in proto.graph.initializer { try addInitializer(tensor) }
        for input in proto.graph.input where ids[input.name] == nil { try addInput(input) }
        for value in proto.graph.valueInfo { declare(value) }
        for output in proto.graph.output { declare(output) }
        for (position, node) in proto.graph.node.enumerated() { try addNode(node, position) }
        guard !proto.graph.output.isEmpty else { throw failure("its graph has no outputs") }
        graph.outputs = proto.graph.output.map { id($0.name) }
    }

    // MARK: Values

    /// The value of this name, made when it is new.
    private mutating func id(_ name: String) -> ValueID {
        if let id = ids[name] { return id }
        let id = graph.addValue(name)
        ids[name] = id
        return id
    }

    private mutating func addInitializer(_ proto: Onnx_TensorProto) throws(ModelLoadError) {
        let place = "initializer '\(proto.name)'"
        guard ids[proto.name] == nil else {
            throw failure("the file has it twice", at: place)
        }
        do throws(ONNXTensor.Failure) {
            let tensor = try ONNXTensor.read(proto, limits: limits)
            ids[proto.name] = graph.addConstant(proto.name, tensor)
        } catch {
            throw failure(error.reason, at: place)
        }
    }

    private mutating func addInput(_ proto: Onnx_ValueInfoProto) throws(ModelLoadError) {
        let place = "input '\(proto.name)'"
        guard case .tensorType(let type)? = proto.type.value else {
            throw failure("only tensors can be inputs", at: place)
        }
        guard let dataType = ONNXTensor.dataType(type.elemType) else {
            throw failure("its element type \(type.elemType) is not supported", at: place)
        }
        guard type.hasShape else {
            throw failure("it declares no shape; export the model with one", at: place)
        }
        let id = graph.addInput(
            proto.name, dataType, type.shape.dim.map { Self.dimension($0) })
        ids[proto.name] = id
        inputIDs.insert(id)
    }

    /// Takes over what the file says about a value. What it says about outputs that are no tensors
    /// is left out: those are the maps of a ZipMap.
    private mutating func declare(_ proto: Onnx_ValueInfoProto) {
        let id = id(proto.name)
        guard graph[id].constant == nil, !inputIDs.contains(id),
            case .tensorType(let type)? = proto.type.value
        else { return }
        graph[id].dataType = ONNXTensor.dataType(type.elemType)
        graph[id].shape = type.hasShape ? type.shape.dim.map { Self.dimension($0) } : nil
    }

    private static func dimension(_ proto: Onnx_TensorShapeProto.Dimension) -> Dimension {
        switch proto.value {
        case .dimValue(let size)? where size >= 0: .fixed(Int(size))
        case .dimParam(let name)? where !name.isEmpty: .symbol(name)
        case .dimValue, .dimParam, nil: .unknown
        }
    }

    // MARK: Nodes

    private mutating func addNode(
        _ proto: Onnx_NodeProto, _ position: Int
    ) throws(ModelLoadError) {
        let domain = proto.domain == "ai.onnx" ? "" : proto.domain
        let name = OperatorName(proto.opType, domain: domain)
        var node = Node(
            name: proto.name, operatorName: name, version: versions[domain] ?? 0, inputs: [],
            outputs: [], position: position)
        guard versions[domain] != nil else {
            throw failure(
                "the file imports no version of \(name.domainTitle), which the node needs",
                at: node.place)
        }
        // Left-out inputs at the end are the same as none.
        var inputs = proto.input
        while inputs.last == "" { inputs.removeLast() }
        for input in inputs { node.inputs.append(input.isEmpty ? nil : id(input)) }
        for output in proto.output { node.outputs.append(output.isEmpty ? nil : id(output)) }
        for attribute in proto.attribute {
            guard node.attributes[attribute.name] == nil else {
                throw failure("it has the attribute '\(attribute.name)' twice", at: node.place)
            }
            node.attributes[attribute.name] = try read(attribute, node)
        }
        graph.nodes.append(node)
    }

    private func read(
        _ proto: Onnx_AttributeProto, _ node: Node
    ) throws(ModelLoadError) -> Attribute {
        guard proto.refAttrName.isEmpty else {
            return .other("a reference to a function's attribute")
        }
        switch proto.type {
        case .float: return .float(proto.f)
        case .int: return .int(Int(proto.i))
        case .string: return .string(String(decoding: proto.s, as: UTF8.self))
        case .floats: return .floats(proto.floats)
        case .ints: return .ints(proto.ints.map { Int($0) })
        case .strings: return .strings(proto.strings.map { String(decoding: $0, as: UTF8.self) })
        case .tensor:
            do throws(ONNXTensor.Failure) {
                return .tensor(try ONNXTensor.read(proto.t, limits: limits))
            } catch {
                throw failure(
                    "its attribute '\(proto.name)': \(error.reason)", at: node.place)
            }
        case .graph: return .other("a graph")
        case .graphs: return .other("a list of graphs")
        case .tensors: return .other("a list of tensors")
        case .sparseTensor, .sparseTensors: return .other("a sparse tensor")
        case .typeProto, .typeProtos: return .other("a type")
        case .undefined: return .other("of no type")
        }
    }

    private func failure(_ reason: String, at place: String = "") -> ModelLoadError {
        ModelLoadError(path: path, place: place, reason: reason)
    }
}
