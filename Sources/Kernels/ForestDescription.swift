import Primitives

/// A tree ensemble as a model file says it, before it was checked.
///
/// The meaning is that of ai.onnx.ml TreeEnsembleClassifier and TreeEnsembleRegressor.
public struct ForestDescription: Sendable {
    /// Columns of the input.
    public var featureCount: Int
    /// Scores of a row: regression targets or classes.
    public var targetCount: Int
    public var trees: [Tree]
    public var aggregate: ForestAggregate
    /// Added to the scores at the end: one a target, or none.
    public var baseValues: [Float]

    public init(
        featureCount: Int, targetCount: Int, trees: [Tree] = [],
        aggregate: ForestAggregate = .sum, baseValues: [Float] = []
    ) {
        self.featureCount = featureCount
        self.targetCount = targetCount
        self.trees = trees
        self.aggregate = aggregate
        self.baseValues = baseValues
    }

    public struct Tree: Sendable {
        /// Children are indices into this array.
        public var nodes: [Node]
        public var root: Int

        public init(nodes: [Node], root: Int = 0) {
            self.nodes = nodes
            self.root = root
        }
    }

    public enum Node: Sendable {
        case branch(Branch)
        case leaf([ForestVote])
    }

    public struct Branch: Sendable {
        public var feature: Int
        public var comparison: Comparison
        public var threshold: Float
        public var trueChild: Int
        public var falseChild: Int
        /// A NaN goes to `trueChild` (missing_value_tracks_true); else it goes where IEEE 754
        /// comparison sends it: false, but for `notEqual` true.
        public var missingGoesTrue: Bool

        public init(
            feature: Int, comparison: Comparison = .lessOrEqual, threshold: Float, trueChild: Int,
            falseChild: Int, missingGoesTrue: Bool = false
        ) {
            self.feature = feature
            self.comparison = comparison
            self.threshold = threshold
            self.trueChild = trueChild
            self.falseChild = falseChild
            self.missingGoesTrue = missingGoesTrue
        }
    }

    /// The test of a branch: feature (comparison) threshold.
    public enum Comparison: UInt8, Sendable, CaseIterable {
        case lessOrEqual, less, greaterOrEqual, greater, equal, notEqual
    }
}

/// Why a description is no forest, and where.
public struct ForestError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Reason: Sendable, Equatable {
        case featureCountOutOfRange(Int)
        case targetCountOutOfRange(Int)
        case baseValueCount(Int, targets: Int)
        case tooManyNodes(limit: Int)
        case tooManyVotes(limit: Int)
        case rootOutOfRange(Int, nodes: Int)
        case childOutOfRange(Int, nodes: Int)
        /// A node that two branches (or a branch and the root) lead to: a cycle or a shared subtree.
        case reachedTwice
        case unreachable
        case featureOutOfRange(Int, features: Int)
        case thresholdNotANumber
        case targetOutOfRange(Int, targets: Int)
        case weightNotANumber
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
        case .rootOutOfRange(let root, let nodes): "the root \(root) is none of its \(nodes) nodes"
        case .childOutOfRange(let child, let nodes):
            "the child \(child) is none of the tree's \(nodes) nodes"
        case .reachedTwice: "two paths lead here (a cycle, or a subtree used twice)"
        case .unreachable: "no path from the root leads here"
        case .featureOutOfRange(let feature, let features):
            "tests feature \(feature), the input has \(features)"
        case .thresholdNotANumber: "the threshold is not a number"
        case .targetOutOfRange(let target, let targets):
            "votes for target \(target), there are \(targets)"
        case .weightNotANumber: "a weight is not a number"
        }
    }
}
