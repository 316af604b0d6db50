import Primitives

/// The index of a value in its graph.
public struct ValueID: Sendable, Hashable {
    public let index: Int

    public init(_ index: Int) { self.index = index }
}

/// One dimension of a declared shape.
public enum Dimension: Sendable, Equatable {
    case fixed(Int)
    /// A named size: equal names mean equal sizes.
    case symbol(String)
    case unknown
}

/// A named edge of a graph: what a node makes, what a caller gives, or a constant.
public struct Value: Sendable {
    /// What a value can be.
    public enum Kind: Sendable, Equatable {
        case tensor
        /// A map from strings or int64 to numbers or strings: only as an input, and only until passes
        /// have made it a tensor with a column a key (`openMaps`).
        case map(keys: DataType)
        /// A list of tensors.
        case sequence
        /// A tensor or a list of tensors, or nothing.
        case optional
    }

    public var name: String
    /// Only an eager run knows values that are no tensors.
    public var kind: Kind = .tensor
    /// What the file declares; nil where it says nothing.
    public var dataType: DataType?
    /// The declared shape; nil where even the rank is unknown.
    public var shape: [Dimension]?
    /// The tensor of an initialiser or of a folded node.
    public var constant: Tensor?
    /// What the columns of an input are called that was a map in the file; empty where they have no
    /// names.
    public var columnNames: [String] = []
}

/// The domain and name of an operator. The standard's own domain is the empty string.
public struct OperatorName: Sendable, Hashable, CustomStringConvertible {
    public let domain: String
    public let name: String

    public init(_ name: String, domain: String = "") {
        self.domain = domain
        self.name = name
    }

    /// The domain as people write it: `ai.onnx` for the empty one.
    public var domainTitle: String { domain.isEmpty ? "ai.onnx" : domain }

    public var description: String { domain.isEmpty ? name : "\(domain).\(name)" }
}

/// One operation of a graph.
public struct Node: Sendable {
    public var name: String
    public var operatorName: OperatorName
    /// The version of the operator's domain that the model was written for (its opset).
    public var version: Int
    /// nil is an optional input that is left out.
    public var inputs: [ValueID?]
    /// nil is an output nobody asked for.
    public var outputs: [ValueID?]
    public var attributes: [String: Attribute]
    /// Where the node stood in its file, for messages.
    public var position: Int
    /// How many of the inputs, at their end, are values that the node's own graphs read from the
    /// graph around it.
    public var captureCount = 0
    /// The attributes with graphs, in the order of their captures among the inputs.
    public var graphOrder: [String] = []

    public init(
        name: String, operatorName: OperatorName, version: Int, inputs: [ValueID?],
        outputs: [ValueID?], attributes: [String: Attribute] = [:], position: Int = 0
    ) {
        self.name = name
        self.operatorName = operatorName
        self.version = version
        self.inputs = inputs
        self.outputs = outputs
        self.attributes = attributes
        self.position = position
    }
}

/// A model's computation, free of any file format: values, and the nodes between them.
///
/// Readers build it, passes rewrite it, `CompiledGraph` makes it run. A node of control flow has its
/// branches as graphs in attributes (`Attribute.graph`). What such a graph reads from the one around
/// it is among its inputs, at their end, and among the inputs of the node.
public struct Graph: Sendable {
    public var name: String
    public internal(set) var values: [Value] = []
    public var nodes: [Node] = []
    public var inputs: [ValueID] = []
    public var outputs: [ValueID] = []
    /// Labels of classes that a removed `ZipMap` would have used as keys, if there was one.
    public var classLabels: ClassLabels?
    /// How many inputs, at their end, come from the graph around this one.
    public var captureCount = 0

    public init(name: String = "") { self.name = name }

    /// Adds a value and returns its index.
    @discardableResult
    public mutating func addValue(
        _ name: String, dataType: DataType? = nil, shape: [Dimension]? = nil,
        constant: Tensor? = nil
    ) -> ValueID {
        values.append(Value(name: name, dataType: dataType, shape: shape, constant: constant))
        return ValueID(values.count - 1)
    }

    /// Adds an input of the whole graph.
    @discardableResult
    public mutating func addInput(
        _ name: String, _ dataType: DataType, _ shape: [Dimension]
    ) -> ValueID {
        let id = addValue(name, dataType: dataType, shape: shape)
        inputs.append(id)
        return id
    }

    /// Adds a constant.
    @discardableResult
    public mutating func addConstant(_ name: String, _ tensor: Tensor) -> ValueID {
        addValue(
            name, dataType: tensor.dataType, shape: tensor.shape.map { .fixed($0) },
            constant: tensor)
    }

    /// Adds a node with one output and returns that.
    @discardableResult
    public mutating func addNode(
        _ operatorName: OperatorName, version: Int, _ inputs: [ValueID?],
        output: String, attributes: [String: Attribute] = [:]
    ) -> ValueID {
        let id = addValue(output)
        nodes.append(
            Node(
                name: output, operatorName: operatorName, version: version, inputs: inputs,
                outputs: [id], attributes: attributes, position: nodes.count))
        return id
    }

    public subscript(_ id: ValueID) -> Value {
        get { values[id.index] }
        set { values[id.index] = newValue }
    }

    /// How many nodes read each value, plus one for each time it is an output of the graph.
    public func useCounts() -> [Int] {
        var counts = Array(repeating: 0, count: values.count)
        for node in nodes {
            for input in node.inputs { if let input { counts[input.index] += 1 } }
        }
        for output in outputs { counts[output.index] += 1 }
        return counts
    }

    /// The index of the node that makes each value, or nil for inputs and constants.
    public func producers() -> [Int?] {
        var result: [Int?] = Array(repeating: nil, count: values.count)
        for (index, node) in nodes.enumerated() {
            for output in node.outputs { if let output { result[output.index] = index } }
        }
        return result
    }
}

/// The labels of a classifier's classes, in the order of its probabilities.
public enum ClassLabels: Sendable, Equatable {
    case integers([Int])
    case strings([String])

    public var count: Int {
        switch self {
        case .integers(let labels): labels.count
        case .strings(let labels): labels.count
        }
    }
}
