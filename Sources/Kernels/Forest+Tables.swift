import Primitives

extension Forest {
    func check(_ used: ForestPrecision, inputs: Int, _ rows: Int, _ features: Int) {
        precondition(precision == used, "a forest computes in its own precision")
        precondition(features >= featureCount, "a row holds the forest's features")
        precondition(inputs == area(rows, features), "the input holds rows × features values")
    }

    /// Gives the arrays to a kernel. They live as long as the forest, which the caller holds.
    @inline(__always)
    func withTables<Value: ForestValue>(
        _ type: Value.Type, _ body: (ForestTables<Value>) -> Void
    ) {
        let nodes = nodes.span(as: ForestNode<Value>.self)
        let roots = roots.span(as: Int32.self)
        let starts = voteStarts.span(as: Int32.self)
        let votes = votes.span(as: ForestVote.self)
        let sets = sets.span(as: UInt32.self)
        let base = baseValues.span(as: Double.self)
        guard let tests = ForestTables<Value>.Tests(rawValue: tests) else {
            preconditionFailure("the layout wrote the tests")
        }
        var tables = unsafe ForestTables<Value>(
            nodes: nodes.address, tests: tests, roots: roots.address, trees: treeCount,
            treeTargets: treeTargets.map { unsafe $0.span(as: Int32.self).address },
            voteStarts: starts.address, votes: votes.address, sets: sets.address,
            aggregate: aggregate, base: base.address, targets: targetCount)
        if let complete {
            let trees = CompleteTrees<Value>(
                nodes: complete.nodes.span(as: CompleteNode<Value>.self).address,
                leaves: complete.leaves.span(as: Value.self).address, depth: depth)
            if complete.isForRows { tables.completeForRows = trees }
            if complete.isForRow { tables.completeForRow = trees }
        }
        if let bits, usesBits {
            tables.bits = BitTrees(
                nodes: bits.nodes.span(as: BitNode.self).address,
                starts: bits.starts.span(as: Int32.self).address,
                leaves: bits.leaves.span(as: Float.self).address,
                features: bits.features.span(as: Int32.self).address,
                featureCount: bits.featureCount)
        }
        if let ranks, ranks.rowsMin > 0 { tables.ranks = ranks.tables(Value.self) }
        body(tables)
    }
}
