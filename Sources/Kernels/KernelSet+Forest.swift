import KernelsPortable
import KernelsV3
import Primitives

extension KernelSet {
    /// y[r, t] = the aggregate, over the trees in their order, of what row r's leaves vote for
    /// target t, plus the target's base value.
    ///
    /// `x` holds rows × features values, `y` rows × targets. Votes are added in float64, as the
    /// libraries that train forests do, and rounded once. A target no leaf voted for has its base
    /// value.
    /// - Cost: a step a level, tree and row; eight traversals run interleaved.
    @inline(never)
    public func forestScores(
        _ forest: Forest, x: Span<Float>, rows: Int, features: Int, y: inout MutableSpan<Float>
    ) {
        precondition(features >= forest.featureCount, "a row holds the forest's features")
        precondition(x.count == area(rows, features), "the input holds rows × features values")
        precondition(
            y.count == area(rows, forest.targetCount), "the result holds rows × targets values")
        let nodes = forest.nodes.span(as: ForestNode.self)
        let roots = forest.roots.span(as: Int32.self)
        let starts = forest.voteStarts.span(as: Int32.self)
        let votes = forest.votes.span(as: ForestVote.self)
        let base = forest.baseValues.span(as: Float.self)
        switch level {
        case .portable:
            unsafe KernelsPortable.forestF32(
                nodes: nodes.address, hasRules: forest.hasRules, roots: roots.address,
                trees: forest.treeCount, voteStarts: starts.address, votes: votes.address,
                aggregate: forest.aggregate, base: base.address, targets: forest.targetCount,
                x: x.address, rows: rows, features: features, y: y.address)
        case .v3:
            unsafe KernelsV3.forestF32(
                nodes: nodes.address, hasRules: forest.hasRules, roots: roots.address,
                trees: forest.treeCount, voteStarts: starts.address, votes: votes.address,
                aggregate: forest.aggregate, base: base.address, targets: forest.targetCount,
                x: x.address, rows: rows, features: features, y: y.address)
        }
    }
}
