/// Why a graph cannot be built, planned or run: at which node, and what is wrong there.
public struct GraphError: Error, Sendable, CustomStringConvertible {
    /// Whose mistake it is.
    public enum Kind: Sendable {
        /// The graph itself is wrong or asks for what is not supported.
        case graph
        /// The graph is fine; the values or shapes given to a run are not.
        case input
        /// A shape depends on the values of the inputs: no plan can be made from shapes alone.
        case values
    }

    public let kind: Kind
    /// `node 3 'dense1/MatMul' (MatMul, ai.onnx 13)`, or empty when it is about the whole graph.
    public let place: String
    public let reason: String

    public init(_ reason: String, place: String = "", kind: Kind = .graph) {
        self.kind = kind
        self.place = place
        self.reason = reason
    }

    public init(_ reason: String, at node: Node, kind: Kind = .graph) {
        self.init(reason, place: node.place, kind: kind)
    }

    /// An operator's failure, with the node's name; what an operator refuses while it runs is the
    /// fault of the values it was given.
    init(_ failure: OperatorFailure, at node: Node, kind: Kind = .graph) {
        self.init(failure.reason, at: node, kind: failure.needsValues ? .values : kind)
    }

    public var description: String { place.isEmpty ? reason : "\(place): \(reason)" }
}

extension Node {
    /// How messages point at a node: its position, name, operator and version.
    public var place: String {
        let title = name.isEmpty ? "node \(position)" : "node \(position) '\(name)'"
        return "\(title) (\(operatorName.name), \(operatorName.domainTitle) \(version))"
    }
}
