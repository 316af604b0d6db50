import Primitives

/// A constant setting of a node, with its type.
public enum Attribute: Sendable {
    case int(Int)
    case float(Float)
    case string(String)
    case tensor(Tensor)
    case ints([Int])
    case floats([Float])
    case strings([String])
    /// The kind and element type of a value (of a sequence or optional).
    case type(Value.Kind, DataType)
    /// A branch or body of control flow.
    indirect case graph(Graph)
    /// A kind no operator here takes (sparse tensors, types, lists of graphs), by its name.
    case other(String)

    /// The name of the type, for messages.
    var kind: String {
        switch self {
        case .int: "an int"
        case .float: "a float"
        case .string: "a string"
        case .tensor: "a tensor"
        case .ints: "a list of ints"
        case .floats: "a list of floats"
        case .strings: "a list of strings"
        case .type: "a type"
        case .graph: "a graph"
        case .other(let name): name
        }
    }
}
