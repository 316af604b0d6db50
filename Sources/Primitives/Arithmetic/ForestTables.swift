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
