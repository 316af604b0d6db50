import Primitives

/// Turns the trees of a description, one after the other, into the flat arrays of a `Forest`.
struct ForestLayout {
    private let description: ForestDescription
    private(set) var nodes: [ForestNode] = []
    private(set) var roots: [Int32] = []
    private(set) var voteStarts: [Int32] = [0]
    private(set) var votes: [ForestVote] = []
    private(set) var hasRules = false

    /// Checks what concerns the forest as a whole.
    init(_ description: ForestDescription) throws(ForestError) {
        guard 0...Forest.nodesMax ~= description.featureCount else {
            throw ForestError(.featureCountOutOfRange(description.featureCount))
        }
        guard 1...Forest.nodesMax ~= description.targetCount else {
            throw ForestError(.targetCountOutOfRange(description.targetCount))
        }
        guard
            description.baseValues.isEmpty
                || description.baseValues.count == description.targetCount
        else {
            throw ForestError(
                .baseValueCount(description.baseValues.count, targets: description.targetCount))
        }
        self.description = description
    }

    /// Lays out one tree, breadth first, so that the nodes near the root share cache lines.
    mutating func append(tree index: Int) throws(ForestError) {
        let tree = description.trees[index]
        guard tree.nodes.indices.contains(tree.root) else {
            throw ForestError(
                tree: index, .rootOutOfRange(tree.root, nodes: tree.nodes.count))
        }
        guard tree.nodes.count <= Forest.nodesMax - nodes.count else {
            throw ForestError(tree: index, .tooManyNodes(limit: Forest.nodesMax))
        }
        let base = nodes.count
        roots.append(Int32(base))
        // order[i] is the node of the description that lies at base + i.
        var order = [tree.root]
        order.reserveCapacity(tree.nodes.count)
        var isPlaced = [Bool](repeating: false, count: tree.nodes.count)
        isPlaced[tree.root] = true
        var next = 0
        while next < order.count {
            let node = order[next]
            switch tree.nodes[node] {
            case .leaf(let leafVotes):
                try appendLeaf(leafVotes, at: base + next, tree: index, node: node)
            case .branch(let branch):
                for child in [branch.trueChild, branch.falseChild] {
                    guard tree.nodes.indices.contains(child) else {
                        throw ForestError(
                            tree: index, node: node,
                            .childOutOfRange(child, nodes: tree.nodes.count))
                    }
                    guard !isPlaced[child] else {
                        throw ForestError(tree: index, node: child, .reachedTwice)
                    }
                    isPlaced[child] = true
                }
                let test = try Test(
                    branch, features: description.featureCount, tree: index, node: node)
                let child = Int32(base + order.count)
                order.append(test.isSwapped ? branch.falseChild : branch.trueChild)
                order.append(test.isSwapped ? branch.trueChild : branch.falseChild)
                hasRules = hasRules || !test.rule.isEmpty
                nodes.append(
                    ForestNode(
                        threshold: test.threshold, feature: Int32(branch.feature), child: child,
                        step: 1, rule: test.rule))
            }
            voteStarts.append(Int32(votes.count))
            next += 1
        }
        if order.count < tree.nodes.count, let stray = isPlaced.firstIndex(of: false) {
            throw ForestError(tree: index, node: stray, .unreachable)
        }
    }

    private mutating func appendLeaf(
        _ leafVotes: [ForestVote], at place: Int, tree: Int, node: Int
    ) throws(ForestError) {
        guard leafVotes.count <= Forest.nodesMax - votes.count else {
            throw ForestError(tree: tree, node: node, .tooManyVotes(limit: Forest.nodesMax))
        }
        for vote in leafVotes {
            guard vote.target >= 0 && Int(vote.target) < description.targetCount else {
                throw ForestError(
                    tree: tree, node: node,
                    .targetOutOfRange(Int(vote.target), targets: description.targetCount))
            }
            guard !vote.weight.isNaN else {
                throw ForestError(tree: tree, node: node, .weightNotANumber)
            }
        }
        votes += leafVotes
        nodes.append(
            ForestNode(threshold: 0, feature: 0, child: Int32(place), step: 0, rule: []))
    }

    /// A branch's comparison, rewritten as ≤ or = with the children swapped where that takes the
    /// opposite test. NaN fails both unless the rule says that it passes.
    private struct Test {
        let threshold: Float
        let isSwapped: Bool
        let rule: ForestNode.Rule

        init(
            _ branch: ForestDescription.Branch, features: Int, tree: Int, node: Int
        ) throws(ForestError) {
            guard branch.feature >= 0 && branch.feature < features else {
                throw ForestError(
                    tree: tree, node: node, .featureOutOfRange(branch.feature, features: features))
            }
            guard !branch.threshold.isNaN else {
                throw ForestError(tree: tree, node: node, .thresholdNotANumber)
            }
            let missing: ForestNode.Rule = branch.missingGoesTrue ? .missingPasses : []
            let missingFails: ForestNode.Rule = branch.missingGoesTrue ? [] : .missingPasses
            switch branch.comparison {
            case .lessOrEqual:
                (threshold, isSwapped, rule) = (branch.threshold, false, missing)
            case .greater:
                // Not ≤; a NaN that goes true must fail the opposite test.
                (threshold, isSwapped, rule) = (branch.threshold, true, missingFails)
            case .less:
                (threshold, isSwapped, rule) = (Self.below(branch.threshold), false, missing)
            case .greaterOrEqual:
                (threshold, isSwapped, rule) = (Self.below(branch.threshold), true, missingFails)
            case .equal:
                (threshold, isSwapped, rule) = (branch.threshold, false, [missing, .equal])
            case .notEqual:
                // NaN differs from everything: it goes true either way.
                (threshold, isSwapped, rule) = (branch.threshold, true, .equal)
            }
        }

        /// The t for which x < threshold is x ≤ t: the float before it. Nothing is below -∞, and
        /// nothing is ≤ NaN.
        private static func below(_ threshold: Float) -> Float {
            threshold == -.infinity ? .nan : threshold.nextDown
        }
    }
}
