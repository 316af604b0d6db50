import Primitives

/// A checked tree ensemble, laid out for the kernels: nodes in one array, the two children of a
/// branch side by side, every comparison rewritten as ≤ (or =).
///
/// Built once at load; immutable, shared by all threads.
public struct Forest: Sendable {
    /// Nodes of all trees, and weights of all leaves: what 32-bit links can address.
    public static let nodesMax = Int(Int32.max) - 1

    public let featureCount: Int
    public let targetCount: Int
    public let treeCount: Int
    public let nodeCount: Int
    public let aggregate: ForestAggregate
    /// Whether any node departs from the plain ≤; decides which kernel runs.
    let hasRules: Bool

    // Written in the initialiser only.
    let nodes: AlignedMemory  // ForestNode
    let roots: AlignedMemory  // Int32, one a tree
    let voteStarts: AlignedMemory  // Int32, one a node and one more: where its votes begin
    let votes: AlignedMemory  // ForestVote
    let baseValues: AlignedMemory  // Float, one a target

    /// Checks a description and lays it out.
    ///
    /// Takes time and memory proportional to the description, whatever the shape of the trees; a
    /// description that is no forest gives an error that names the tree and the node.
    public init(_ description: ForestDescription) throws(ForestError) {
        var layout = try ForestLayout(description)
        for index in description.trees.indices { try layout.append(tree: index) }
        featureCount = description.featureCount
        targetCount = description.targetCount
        treeCount = description.trees.count
        nodeCount = layout.nodes.count
        aggregate = description.aggregate
        hasRules = layout.hasRules
        nodes = AlignedMemory(copying: layout.nodes)
        roots = AlignedMemory(copying: layout.roots)
        voteStarts = AlignedMemory(copying: layout.voteStarts)
        votes = AlignedMemory(copying: layout.votes)
        baseValues = AlignedMemory(
            copying: description.baseValues.isEmpty
                ? [Float](repeating: 0, count: targetCount) : description.baseValues)
    }

    /// Bytes of the layout.
    public var byteCount: Int {
        nodes.byteCount + roots.byteCount + voteStarts.byteCount + votes.byteCount
            + baseValues.byteCount
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
