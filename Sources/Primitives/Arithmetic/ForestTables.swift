/// A forest as the kernels see it: borrowed arrays, checked when they were made. Every child, root,
/// vote and set is inside its array, and every path from a root ends in a leaf.
@safe public struct ForestTables<Value: ForestValue> {
    /// What the tests of the nodes need beyond ≤.
    public enum Tests: UInt8, Sendable {
        /// NaN fails everywhere.
        case plain
        /// NaN passes some; everything else is plain.
        case missing
        /// Any rule but sets.
        case rules
        case sets
    }

    public var nodes: UnsafePointer<ForestNode<Value>>
    public var tests: Tests
    public var roots: UnsafePointer<Int32>
    public var trees: Int
    /// The target of all leaves of a tree, whose weights are in the nodes; nil when leaves have
    /// lists of votes instead.
    public var treeTargets: UnsafePointer<Int32>?
    public var voteStarts: UnsafePointer<Int32>
    public var votes: UnsafePointer<ForestVote>
    public var sets: UnsafePointer<UInt32>
    public var aggregate: ForestAggregate
    public var base: UnsafePointer<Double>
    public var targets: Int
    /// The trees once more in the complete layout, where that is faster: for whole eights of rows,
    /// and for single rows.
    public var completeForRows: CompleteTrees<Value>?
    public var completeForRow: CompleteTrees<Value>?
    /// Small trees once more as bit vectors, where that is faster for whole eights of rows.
    public var bits: BitTrees?
    /// The trees once more for rows of ranks, where that is faster for some number of rows.
    public var ranks: RankTrees<Value>?

    public init(
        nodes: UnsafePointer<ForestNode<Value>>, tests: Tests, roots: UnsafePointer<Int32>,
        trees: Int, treeTargets: UnsafePointer<Int32>?, voteStarts: UnsafePointer<Int32>,
        votes: UnsafePointer<ForestVote>, sets: UnsafePointer<UInt32>, aggregate: ForestAggregate,
        base: UnsafePointer<Double>, targets: Int
    ) {
        self.nodes = nodes
        self.tests = tests
        self.roots = roots
        self.trees = trees
        self.treeTargets = treeTargets
        self.voteStarts = voteStarts
        self.votes = votes
        self.sets = sets
        self.aggregate = aggregate
        self.base = base
        self.targets = targets
    }
}

/// Trees of one depth, each filled up to a whole one: node 1 is the root, the children of node p are
/// 2p and 2p + 1, and node 2^depth + i is leaf i. A tree has 2^depth nodes (the first is not used)
/// and as many leaves. Behind the last tree there is room for seven more.
@safe public struct CompleteTrees<Value: ForestValue> {
    public var nodes: UnsafePointer<CompleteNode<Value>>
    public var leaves: UnsafePointer<Value>
    public var depth: Int

    public init(
        nodes: UnsafePointer<CompleteNode<Value>>, leaves: UnsafePointer<Value>, depth: Int
    ) {
        self.nodes = nodes
        self.leaves = leaves
        self.depth = depth
    }
}

/// A branch of a complete tree: a row goes left when its feature is ≤ the threshold.
public struct CompleteNode<Value: ForestValue>: BitwiseCopyable, Sendable {
    public var threshold: Value
    public var feature: Int32

    @inlinable
    public init(threshold: Value, feature: Int32) {
        self.threshold = threshold
        self.feature = feature
    }
}
