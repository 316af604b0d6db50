import Primitives

/// A checked tree ensemble, laid out for the kernels: nodes in one array, the two children of a
/// branch side by side, every comparison rewritten as ≤, = or a set.
///
/// Built once at load; immutable, shared by all threads.
public struct Forest: Sendable {
    /// Nodes of all trees, and weights of all leaves: what 32-bit links can address.
    public static let nodesMax = Int(Int32.max) - 1

    public let featureCount: Int
    public let targetCount: Int
    public let treeCount: Int
    public let nodeCount: Int
    /// Branches on the longest path from a root to a leaf.
    public let depth: Int
    public let aggregate: ForestAggregate
    public let precision: ForestPrecision
    /// Whether the description said how many rows came through each node.
    public let hasCovers: Bool
    /// How far any node departs from the plain ≤ (`ForestTables.Tests`); decides which kernel runs.
    let tests: UInt8

    // Written in the initialiser only.
    let nodes: AlignedMemory  // ForestNode<Float> or <Double>
    let roots: AlignedMemory  // Int32, one a tree
    let treeTargets: AlignedMemory?  // Int32, one a tree, where weights are in the leaves
    let voteStarts: AlignedMemory  // Int32, one a node and one more: where its votes begin
    let votes: AlignedMemory  // ForestVote
    let sets: AlignedMemory  // UInt32
    let baseValues: AlignedMemory  // Double, one a target
    let covers: AlignedMemory  // Float, one a node, or none
    let origins: AlignedMemory  // Int32, one a node
    let expected: AlignedMemory  // Double, one a target
    /// The complete layout, where it is of use.
    var complete: ForestComplete?
    /// Small trees as bit vectors, where that is of use.
    var bits: ForestBits?
    var usesBits = false
    /// The trees for rows of ranks, where that is of use.
    var ranks: ForestRanks?

    /// Checks a description and lays it out.
    ///
    /// Takes time and memory proportional to the description, whatever the shape of the trees; a
    /// description that is no forest gives an error that names the tree and the node.
    public init(_ description: ForestDescription) throws(ForestError) {
        try self.init(description, ranksFrom: nil)
    }

    /// The same, with ranks for so many rows and more where the forest has that form, and no layout
    /// but the linked one beside: what tests compare with.
    package init(_ description: ForestDescription, ranksFrom rows: Int?) throws(ForestError) {
        switch description.precision {
        case .float32:
            self.init(try ForestLayout<Float>(description), description, ranksFrom: rows)
        case .float64:
            self.init(try ForestLayout<Double>(description), description, ranksFrom: rows)
        }
    }

    private init<Value: ForestValue>(
        _ layout: ForestLayout<Value>, _ description: ForestDescription, ranksFrom rows: Int?
    ) {
        var layout = layout
        featureCount = description.featureCount
        targetCount = description.targetCount
        treeCount = description.trees.count
        nodeCount = layout.nodes.count
        depth = layout.depth
        aggregate = description.aggregate
        precision = description.precision
        tests = layout.tests.rawValue
        let base =
            description.baseValues.isEmpty
            ? [Double](repeating: 0, count: targetCount) : description.baseValues
        baseValues = AlignedMemory(copying: base)
        expected = AlignedMemory(
            copying: Self.expectedScores(layout, base: base, aggregate: description.aggregate))
        let targetsOfTrees = layout.inlineVotes()
        treeTargets = targetsOfTrees.map { AlignedMemory(copying: $0) }
        ranks = targetsOfTrees.flatMap {
            ForestRanks(layout, $0, targetCount: description.targetCount)
        }
        nodes = AlignedMemory(copying: layout.nodes)
        roots = AlignedMemory(copying: layout.roots)
        voteStarts = AlignedMemory(copying: layout.voteStarts)
        votes = AlignedMemory(copying: layout.votes)
        sets = AlignedMemory(copying: layout.sets)
        covers = AlignedMemory(copying: layout.covers)
        hasCovers = layout.covers.count == layout.nodes.count && !layout.nodes.isEmpty
        origins = AlignedMemory(copying: layout.origins)
        if let rows {
            ranks?.rowsMin = rows
            return
        }
        complete = treeTargets == nil ? nil : ForestComplete(layout)
        let single = layout as? ForestLayout<Float>
        bits = treeTargets == nil ? nil : single.flatMap { ForestBits($0) }
        chooseLayouts(Value.self)
    }

    /// How whole eights of rows are computed, and single rows: `linked`, `complete`, `bits` or `ranks`;
    /// chosen by measurement when the forest was made.
    public var layouts: (rows: String, row: String) {
        let complete = (complete?.isForRows == true, complete?.isForRow == true)
        return (
            ranks != nil ? "ranks" : usesBits ? "bits" : complete.0 ? "complete" : "linked",
            complete.1 ? "complete" : "linked"
        )
    }

    /// The rows from which on `ranks` are used; 0 where they are not.
    public var ranksRowsMin: Int { ranks?.rowsMin ?? 0 }

    /// Bytes of the layout.
    public var byteCount: Int {
        nodes.byteCount + roots.byteCount + voteStarts.byteCount + votes.byteCount
            + sets.byteCount + baseValues.byteCount + covers.byteCount + origins.byteCount
            + (treeTargets?.byteCount ?? 0) + (complete?.byteCount ?? 0) + (bits?.byteCount ?? 0)
            + (ranks?.byteCount ?? 0)
    }

    /// The place in its tree's description of a node that `KernelSet.forestLeaves` named.
    public func origin(of leaf: Int32) -> Int {
        Int(origins.span(as: Int32.self)[Int(leaf)])
    }
}

extension AlignedMemory {
    /// A block that holds a copy of an array.
    convenience init<T: BitwiseCopyable>(copying values: [T]) {
        self.init(byteCount: values.count * MemoryLayout<T>.stride)
        var target = mutableSpan(as: T.self)
        for index in values.indices { target[index] = values[index] }
    }
}
