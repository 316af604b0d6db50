import Primitives

/// Turns the trees of a description, one after the other, into the flat arrays of a `Forest`.
struct ForestLayout<Value: ForestValue> {
    private let description: ForestDescription
    private(set) var nodes: [ForestNode<Value>] = []
    private(set) var roots: [Int32] = []
    private(set) var voteStarts: [Int32] = [0]
    private(set) var votes: [ForestVote] = []
    private(set) var sets: [UInt32] = []
    private(set) var covers: [Float] = []
    /// The place of each node in its tree's description.
    private(set) var origins: [Int32] = []
    private(set) var tests = ForestTables<Value>.Tests.plain
    /// Branches on the longest path.
    private(set) var depth = 0
    private var hasAllCovers = true

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
        for index in description.trees.indices { try append(tree: index) }
        if !hasAllCovers { covers = [] }
    }

    /// The target of all leaves of each tree, when every leaf has one vote: its weight is then put
    /// into the leaf itself, and the lists of votes are not needed.
    mutating func inlineVotes() -> [Int32]? {
        switch description.aggregate {
        case .sum, .average: break
        case .minimum, .maximum: return nil
        }
        var targets: [Int32] = []
        for (tree, root) in roots.enumerated() {
            let end = tree + 1 < roots.count ? Int(roots[tree + 1]) : nodes.count
            var target: Int32?
            for node in Int(root)..<end where nodes[node].step == 0 {
                let first = Int(voteStarts[node])
                guard Int(voteStarts[node + 1]) - first == 1 else { return nil }
                guard target == nil || target == votes[first].target else { return nil }
                target = votes[first].target
            }
            guard let target else { return nil }
            targets.append(target)
        }
        for node in nodes.indices where nodes[node].step == 0 {
            nodes[node].threshold = Value(rounding: votes[Int(voteStarts[node])].weight)
        }
        voteStarts = [0]
        votes = []
        return targets
    }

    /// Lays out one tree, breadth first, so that the nodes near the root share cache lines.
    private mutating func append(tree index: Int) throws(ForestError) {
        let tree = description.trees[index]
        try check(tree, index)
        let base = nodes.count
        roots.append(Int32(base))
        // order[i] is the node of the description that lies at base + i.
        var order = [tree.root]
        order.reserveCapacity(tree.nodes.count)
        var isPlaced = [Bool](repeating: false, count: tree.nodes.count)
        isPlaced[tree.root] = true
        var next = 0
        var level = 0
        var levelEnd = 1
        while next < order.count {
            if next == levelEnd {
                level += 1
                levelEnd = order.count
            }
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
                let isSwapped = try appendBranch(
                    branch, child: base + order.count, tree: index, node: node)
                order.append(isSwapped ? branch.falseChild : branch.trueChild)
                order.append(isSwapped ? branch.trueChild : branch.falseChild)
            }
            voteStarts.append(Int32(votes.count))
            origins.append(Int32(node))
            next += 1
        }
        let strays = tree.nodes.count - order.count
        guard strays == tree.strayCount else {
            throw ForestError(
                tree: index, node: isPlaced.firstIndex(of: false),
                tree.strayCount == 0
                    ? .unreachable : .strayCount(strays, expected: tree.strayCount))
        }
        depth = max(depth, level)
        if !tree.covers.isEmpty { covers += order.map { tree.covers[$0] } }
    }

    private mutating func check(
        _ tree: ForestDescription.Tree, _ index: Int
    ) throws(ForestError) {
        guard tree.nodes.indices.contains(tree.root) else {
            throw ForestError(
                tree: index, .rootOutOfRange(tree.root, nodes: tree.nodes.count))
        }
        guard tree.nodes.count <= Forest.nodesMax - nodes.count else {
            throw ForestError(tree: index, .tooManyNodes(limit: Forest.nodesMax))
        }
        if tree.covers.isEmpty {
            hasAllCovers = false
            return
        }
        guard tree.covers.count == tree.nodes.count else {
            throw ForestError(
                tree: index, .coverCount(tree.covers.count, nodes: tree.nodes.count))
        }
        if let node = tree.covers.firstIndex(where: { !($0 >= 0 && $0.isFinite) }) {
            throw ForestError(tree: index, node: node, .coverNotANumber)
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
            votes.append(
                ForestVote(target: vote.target, weight: Value(rounding: vote.weight).wide))
        }
        nodes.append(
            ForestNode(threshold: 0, feature: 0, child: Int32(place), step: 0, rule: []))
    }

    /// Appends a branch; whether its children are to be swapped.
    private mutating func appendBranch(
        _ branch: ForestDescription.Branch, child: Int, tree: Int, node: Int
    ) throws(ForestError) -> Bool {
        guard branch.feature >= 0 && branch.feature < description.featureCount else {
            throw ForestError(
                tree: tree, node: node,
                .featureOutOfRange(branch.feature, features: description.featureCount))
        }
        var test = FlatTest<Value>(branch)
        guard test.isANumber else {
            throw ForestError(tree: tree, node: node, .thresholdNotANumber)
        }
        if !test.set.isEmpty {
            guard sets.count + test.set.count <= Forest.nodesMax else {
                throw ForestError(tree: tree, node: node, .tooManySetWords(limit: Forest.nodesMax))
            }
            test.threshold = Value(index: UInt32(sets.count))
            sets += test.set
            tests = .sets
        } else if tests != .sets, !test.rule.isEmpty {
            let isMissing = test.rule == .missingPasses && tests != .rules
            tests = isMissing ? .missing : .rules
        }
        nodes.append(
            ForestNode(
                threshold: test.threshold, feature: Int32(branch.feature), child: Int32(child),
                step: 1, rule: test.rule))
        return test.isSwapped
    }
}

/// A branch's test, rewritten as ≤, = or a set, with the children swapped where that takes the
/// opposite test. NaN fails unless the rule says that it passes.
private struct FlatTest<Value: ForestValue> {
    var threshold: Value = 0
    var isANumber = true
    var isSwapped = false
    var rule: ForestRule
    /// What goes into `sets`: a count, then words.
    var set: [UInt32] = []

    init(_ branch: ForestDescription.Branch) {
        rule = branch.zeroIsMissing ? .zeroIsMissing : []
        let missing: ForestRule = branch.missingGoesTrue ? .missingPasses : []
        switch branch.test {
        case .compare(let comparison, let exact):
            isANumber = !exact.isNaN
            threshold = Value(rounding: exact)
            // A NaN that goes true must fail the opposite test.
            let missingFails: ForestRule = branch.missingGoesTrue ? [] : .missingPasses
            switch comparison {
            case .lessOrEqual: rule.formUnion(missing)
            case .greater:
                isSwapped = true
                rule.formUnion(missingFails)
            case .less:
                threshold = Self.below(threshold)
                rule.formUnion(missing)
            case .greaterOrEqual:
                threshold = Self.below(threshold)
                isSwapped = true
                rule.formUnion(missingFails)
            case .equal: rule.formUnion([missing, .equal])
            case .notEqual:
                // NaN differs from everything: it goes true either way.
                isSwapped = true
                rule.formUnion(.equal)
            }
        case .category(let categories, let truncates):
            rule.formUnion([missing, .category])
            if truncates { rule.formUnion(.truncates) }
            set = [UInt32(truncatingIfNeeded: categories.words.count)] + categories.words
        case .member(let values):
            rule.formUnion([missing, .member])
            isANumber = !values.contains { $0.isNaN }
            set = [UInt32(truncatingIfNeeded: values.count)]
            for value in values {
                let bits = value.bitPattern
                set.append(UInt32(truncatingIfNeeded: bits))
                set.append(UInt32(truncatingIfNeeded: bits >> 32))
            }
        }
    }

    /// The t for which x < threshold is x ≤ t: the number before it. Nothing is below -∞, and
    /// nothing is ≤ NaN.
    private static func below(_ threshold: Value) -> Value {
        threshold == -.infinity ? .nan : threshold.nextDown
    }
}
