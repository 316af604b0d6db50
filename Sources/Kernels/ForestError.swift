/// Why a description is no forest, and where.
public struct ForestError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Reason: Sendable, Equatable {
        case featureCountOutOfRange(Int)
        case targetCountOutOfRange(Int)
        case baseValueCount(Int, targets: Int)
        case tooManyNodes(limit: Int)
        case tooManyVotes(limit: Int)
        case tooManySetWords(limit: Int)
        case rootOutOfRange(Int, nodes: Int)
        case childOutOfRange(Int, nodes: Int)
        /// A node that two branches (or a branch and the root) lead to: a cycle or a shared subtree.
        case reachedTwice
        case unreachable
        case strayCount(Int, expected: Int)
        case featureOutOfRange(Int, features: Int)
        case thresholdNotANumber
        case targetOutOfRange(Int, targets: Int)
        case weightNotANumber
        case coverCount(Int, nodes: Int)
        case coverNotANumber
    }

    /// Index into the description's trees; nil when the forest as a whole is at fault.
    public let tree: Int?
    /// Index into the tree's nodes; nil when the tree as a whole is at fault.
    public let node: Int?
    public let reason: Reason

    public init(tree: Int? = nil, node: Int? = nil, _ reason: Reason) {
        self.tree = tree
        self.node = node
        self.reason = reason
    }

    public var description: String {
        var place = "the forest"
        if let tree { place = "tree \(tree)" }
        if let node { place += ", node \(node)" }
        return "\(place): \(text)"
    }

    private var text: String {
        switch reason {
        case .featureCountOutOfRange(let count): "\(count) features are not supported"
        case .targetCountOutOfRange(let count): "\(count) targets are not supported"
        case .baseValueCount(let count, let targets): "\(count) base values for \(targets) targets"
        case .tooManyNodes(let limit): "more than \(limit) nodes"
        case .tooManyVotes(let limit): "more than \(limit) leaf weights"
        case .tooManySetWords(let limit): "its sets of categories are larger than \(limit) words"
        case .rootOutOfRange(let root, let nodes): "the root \(root) is none of its \(nodes) nodes"
        case .childOutOfRange(let child, let nodes):
            "the child \(child) is none of the tree's \(nodes) nodes"
        case .reachedTwice: "two paths lead here (a cycle, or a subtree used twice)"
        case .unreachable: "no path from the root leads here"
        case .strayCount(let count, let expected):
            "no path leads to \(count) nodes instead of \(expected)"
        case .featureOutOfRange(let feature, let features):
            "tests feature \(feature), the input has \(features)"
        case .thresholdNotANumber: "the threshold is not a number"
        case .targetOutOfRange(let target, let targets):
            "votes for target \(target), there are \(targets)"
        case .weightNotANumber: "a weight is not a number"
        case .coverCount(let count, let nodes): "\(count) covers for \(nodes) nodes"
        case .coverNotANumber: "its cover is negative or not a number"
        }
    }
}
