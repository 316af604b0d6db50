import GraphRuntime
import ONNXProto
import Primitives

/// Reads one graph of a file: the main one, or one inside a node of control flow. Functions of the
/// file are written out where they are called.
struct ONNXGraphReader {
    /// What names mean at one place: in a graph, or in the body of a function.
    struct Scope {
        var ids: [String: ValueID] = [:]
        /// Names the graph defines itself; nil where every name is its own (the main graph, a
        /// function).
        var ownNames: Set<String>?
        var versions: [String: Int]
        /// Attributes of the call that a function's nodes refer to.
        var bindings: [String: Onnx_AttributeProto] = [:]
    }

    let file: ONNXFile
    private(set) var graph = Graph()
    var scope: Scope
    private let depth: Int
    private var inputIDs: Set<ValueID> = []
    /// Names read from the graph around this one, in the order of its capture inputs.
    private(set) var captures: [String] = []

    init(_ file: ONNXFile, versions: [String: Int]) {
        self.file = file
        scope = Scope(versions: versions)
        depth = 0
    }

    private init(inside other: borrowing ONNXGraphReader, _ proto: Onnx_GraphProto) {
        file = other.file
        depth = other.depth + 1
        scope = Scope(versions: other.scope.versions, bindings: other.scope.bindings)
        var names = Set(proto.input.map(\.name))
        names.formUnion(proto.initializer.map(\.name))
        for node in proto.node { names.formUnion(node.output) }
        scope.ownNames = names
    }

    mutating func read(_ proto: Onnx_GraphProto) throws(ModelLoadError) {
        graph.name = proto.name
        guard depth <= file.limits.graphDepthMax else {
            throw file.failure("its graphs are nested deeper than \(file.limits.graphDepthMax)")
        }
        try file.countNodes(proto.node.count)
        guard proto.sparseInitializer.isEmpty else {
            throw file.failure("sparse initializers are not supported")
        }
        for tensor in proto.initializer { try addInitializer(tensor) }
        for input in proto.input where scope.ids[input.name] == nil { try addInput(input) }
        for value in proto.valueInfo where isOwn(value.name) { declare(value) }
        for output in proto.output where isOwn(output.name) { declare(output) }
        for (position, node) in proto.node.enumerated() { try addNode(node, position) }
        guard !proto.output.isEmpty || depth > 0 else {
            throw file.failure("its graph has no outputs")
        }
        graph.outputs = proto.output.map { id($0.name) }
        graph.captureCount = captures.count
        let sources = captures.compactMap { scope.ids[$0] }
        graph.inputs += sources
    }

    // MARK: Values

    private func isOwn(_ name: String) -> Bool { scope.ownNames?.contains(name) ?? true }

    /// The value of this name, made when it is new; one from the graph around becomes a capture.
    mutating func id(_ name: String) -> ValueID {
        if let id = scope.ids[name] { return id }
        let id = graph.addValue(name)
        scope.ids[name] = id
        if !isOwn(name) { captures.append(name) }
        return id
    }

    private mutating func addInitializer(_ proto: Onnx_TensorProto) throws(ModelLoadError) {
        let place = "initializer '\(proto.name)'"
        guard scope.ids[proto.name] == nil else {
            throw file.failure("the file has it twice", at: place)
        }
        scope.ids[proto.name] = graph.addConstant(
            proto.name, try file.tensor(proto, at: place))
    }

    private mutating func addInput(_ proto: Onnx_ValueInfoProto) throws(ModelLoadError) {
        let place = "input '\(proto.name)'"
        let id: ValueID
        if depth > 0 {
            // What it is comes from the node of control flow that runs the graph.
            id = graph.addValue(proto.name)
            graph.inputs.append(id)
        } else {
            let type = try ONNXType(proto.type, file, at: place)
            guard type.kind != .tensor || type.shape != nil else {
                throw file.failure("it declares no shape; export the model with one", at: place)
            }
            id = graph.addInput(proto.name, type.dataType, type.shape ?? [])
            graph[id].kind = type.kind
            graph[id].shape = type.shape
        }
        scope.ids[proto.name] = id
        inputIDs.insert(id)
    }

    /// Takes over what the file says about a value. What it says about outputs that are no tensors
    /// is left out: those are the maps of a ZipMap, sequences and optionals.
    private mutating func declare(_ proto: Onnx_ValueInfoProto) {
        let id = id(proto.name)
        guard graph[id].constant == nil, !inputIDs.contains(id),
            case .tensorType(let type)? = proto.type.value
        else { return }
        graph[id].dataType = ONNXTensor.dataType(type.elemType)
        graph[id].shape = type.hasShape ? type.shape.dim.map { ONNXType.dimension($0) } : nil
    }

    // MARK: Nodes

    private mutating func addNode(
        _ proto: Onnx_NodeProto, _ position: Int, calls: Int = 0
    ) throws(ModelLoadError) {
        if let function = file.function(for: proto) {
            return try addCall(proto, function, position, calls: calls + 1)
        }
        let domain = ONNXFile.domain(proto.domain)
        let name = OperatorName(proto.opType, domain: domain)
        var node = Node(
            name: proto.name, operatorName: name, version: scope.versions[domain] ?? 0, inputs: [],
            outputs: [], position: position)
        guard scope.versions[domain] != nil else {
            throw file.failure(
                "the file imports no version of \(name.domainTitle), which the node needs",
                at: node.place)
        }
        // Passes write these, and rely on what they wrote.
        guard domain != Node.fusedDomain else {
            throw file.failure(
                "the operator \(name.name) of \(name.domainTitle) is not supported", at: node.place)
        }
        // Left-out inputs at the end are the same as none.
        var inputs = proto.input
        while inputs.last == "" { inputs.removeLast() }
        for input in inputs { node.inputs.append(input.isEmpty ? nil : id(input)) }
        for output in proto.output { node.outputs.append(output.isEmpty ? nil : id(output)) }
        for attribute in proto.attribute {
            guard node.attributes[attribute.name] == nil else {
                throw file.failure(
                    "it has the attribute '\(attribute.name)' twice", at: node.place)
            }
            try read(attribute, into: &node)
        }
        graph.nodes.append(node)
    }

    /// Writes a function's nodes in the place of a call. Its names are its own; formal inputs and
    /// outputs stand for the call's.
    private mutating func addCall(
        _ call: Onnx_NodeProto, _ function: Onnx_FunctionProto, _ position: Int, calls: Int
    ) throws(ModelLoadError) {
        let place = "node \(position) '\(call.name)' (function \(call.opType))"
        guard calls <= file.limits.graphDepthMax else {
            throw file.failure(
                "functions call each other deeper than \(file.limits.graphDepthMax)", at: place)
        }
        guard call.input.count <= function.input.count,
            call.output.count <= function.output.count
        else { throw file.failure("it has more inputs or outputs than its function", at: place) }
        try file.countNodes(function.node.count)
        var inner = Scope(versions: ONNXFile.versions(function.opsetImport))
        for (domain, version) in scope.versions where inner.versions[domain] == nil {
            inner.versions[domain] = version
        }
        for attribute in function.attributeProto { inner.bindings[attribute.name] = attribute }
        for attribute in call.attribute {
            if attribute.refAttrName.isEmpty {
                inner.bindings[attribute.name] = attribute
            } else if let bound = scope.bindings[attribute.refAttrName] {
                inner.bindings[attribute.name] = bound
            }
        }
        var missing: Set<String> = []
        for (index, name) in function.input.enumerated() {
            if index < call.input.count, !call.input[index].isEmpty {
                inner.ids[name] = id(call.input[index])
            } else {
                missing.insert(name)
            }
        }
        for (name, target) in zip(function.output, call.output) where !target.isEmpty {
            // An output that is an input is copied below.
            if inner.ids[name] == nil { inner.ids[name] = id(target) }
        }
        let outer = scope
        scope = inner
        for node in function.node {
            var node = node
            node.input = node.input.map { missing.contains($0) ? "" : $0 }
            try addNode(node, position, calls: calls)
        }
        let copies = zip(function.output, call.output).map { (scope.ids[$0], $1) }
        let version = scope.versions[""] ?? outer.versions[""] ?? 13
        scope = outer
        for case (let source?, let target) in copies where !target.isEmpty {
            let wanted = id(target)
            guard wanted != source else { continue }
            graph.nodes.append(
                Node(
                    name: call.name, operatorName: OperatorName("Identity"), version: version,
                    inputs: [source], outputs: [wanted], position: position))
        }
    }

    // MARK: Attributes

    private mutating func read(
        _ proto: Onnx_AttributeProto, into node: inout Node
    ) throws(ModelLoadError) {
        var source = proto
        if !proto.refAttrName.isEmpty {
            // Without a value at the call, the attribute is left out.
            guard let bound = scope.bindings[proto.refAttrName] else { return }
            source = bound
        }
        let name = proto.name
        switch source.type {
        case .float: node.attributes[name] = .float(source.f)
        case .int: node.attributes[name] = .int(Int(source.i))
        case .string: node.attributes[name] = .string(String(decoding: source.s, as: UTF8.self))
        case .floats: node.attributes[name] = .floats(source.floats)
        case .ints: node.attributes[name] = .ints(source.ints.map { Int($0) })
        case .strings:
            node.attributes[name] = .strings(
                source.strings.map { String(decoding: $0, as: UTF8.self) })
        case .tensor:
            do throws(ModelLoadError) {
                node.attributes[name] = .tensor(try file.tensor(source.t, at: node.place))
            } catch {
                throw file.failure("its attribute '\(name)': \(error.reason)", at: node.place)
            }
        case .graph: try readGraph(source.g, name, into: &node)
        case .typeProto:
            let type = try ONNXType(source.tp, file, at: node.place)
            node.attributes[name] = .type(type.kind, type.dataType)
        case .graphs: node.attributes[name] = .other("a list of graphs")
        case .tensors: node.attributes[name] = .other("a list of tensors")
        case .sparseTensor, .sparseTensors: node.attributes[name] = .other("a sparse tensor")
        case .typeProtos: node.attributes[name] = .other("a list of types")
        case .undefined: node.attributes[name] = .other("of no type")
        }
    }

    /// Reads a graph of control flow; what it takes from here becomes inputs of the node.
    private mutating func readGraph(
        _ proto: Onnx_GraphProto, _ name: String, into node: inout Node
    ) throws(ModelLoadError) {
        var reader = ONNXGraphReader(inside: self, proto)
        try reader.read(proto)
        for capture in reader.captures { node.inputs.append(id(capture)) }
        node.captureCount += reader.captures.count
        node.graphOrder.append(name)
        node.attributes[name] = .graph(reader.graph)
    }
}

/// What a `TypeProto` declares.
struct ONNXType {
    let kind: Value.Kind
    /// Of the tensors, wherever they are.
    let dataType: DataType
    /// nil for containers, and where nothing is said.
    let shape: [Dimension]?

    init(
        _ proto: Onnx_TypeProto, _ file: ONNXFile, at place: String
    ) throws(ModelLoadError) {
        switch proto.value {
        case .tensorType(let type)?:
            kind = .tensor
            guard let found = ONNXTensor.dataType(type.elemType) else {
                throw file.failure(
                    "its element type \(type.elemType) is not supported", at: place)
            }
            dataType = found
            shape = type.hasShape ? type.shape.dim.map { Self.dimension($0) } : nil
        case .sequenceType(let type)?:
            let element = try ONNXType(type.elemType, file, at: place)
            guard element.kind == .tensor else {
                throw file.failure("only sequences of tensors are supported", at: place)
            }
            (kind, dataType, shape) = (.sequence, element.dataType, nil)
        case .optionalType(let type)?:
            let element = try ONNXType(type.elemType, file, at: place)
            guard element.kind == .tensor || element.kind == .sequence else {
                throw file.failure("an optional holds a tensor or a sequence", at: place)
            }
            (kind, dataType, shape) = (.optional, element.dataType, nil)
        case .mapType(let type)?:
            let element = try ONNXType(type.valueType, file, at: place)
            guard element.kind == .tensor, let keys = ONNXTensor.dataType(type.keyType),
                keys == .string || keys == .int64
            else {
                throw file.failure(
                    "only maps from strings or int64 to numbers or strings are supported", at: place
                )
            }
            (kind, dataType, shape) = (.map(keys: keys), element.dataType, nil)
        case .opaqueType?, .sparseTensorType?, nil:
            throw file.failure(
                "only tensors, maps, sequences and optionals can be values", at: place)
        }
    }

    static func dimension(_ proto: Onnx_TensorShapeProto.Dimension) -> Dimension {
        switch proto.value {
        case .dimValue(let size)? where size >= 0: .fixed(Int(size))
        // Paddle's exporter calls every size that it does not know "?": such names tie nothing.
        case .dimParam(let name)? where name.contains { $0.isLetter || $0.isNumber }: .symbol(name)
        case .dimValue, .dimParam, nil: .unknown
        }
    }
}
