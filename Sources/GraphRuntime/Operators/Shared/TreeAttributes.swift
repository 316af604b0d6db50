import Kernels
import Primitives

/// The parallel lists by which `ai.onnx.ml` describes a tree ensemble (versions 1 to 3 of its
/// operators), checked and turned into a `ForestDescription`.
struct TreeAttributes {
    private let treeIDs, nodeIDs, features, trueIDs, falseIDs: [Int]
    private let modes: [ForestDescription.Comparison?]
    private let thresholds: [Float]
    private let missingGoesTrue: [Int]
    private let voteTrees, voteNodes: [Int]
    /// The class or target each vote is for.
    let voteTargets: [Int]
    let voteWeights: [Float]
    let baseValues: [Float]

    /// - Parameter prefix: `class` or `target`, which the lists of votes are named after.
    init(_ context: OperatorContext, votes prefix: String) throws(OperatorFailure) {
        treeIDs = try context.ints("nodes_treeids") ?? []
        let count = treeIDs.count
        guard count > 0, count <= Limits.standard.treeNodesMax else {
            throw OperatorFailure("its ensemble of \(count) nodes is empty or beyond the limit")
        }
        nodeIDs = try Self.ints(context, "nodes_nodeids", count)
        features = try Self.ints(context, "nodes_featureids", count)
        trueIDs = try Self.ints(context, "nodes_truenodeids", count)
        falseIDs = try Self.ints(context, "nodes_falsenodeids", count)
        modes = try Self.modes(context, count)
        thresholds = try Self.thresholds(context, modes)
        let missing = try context.ints("nodes_missing_value_tracks_true") ?? []
        guard missing.isEmpty || missing.count == count else {
            throw Self.wrongCount("nodes_missing_value_tracks_true", missing.count, count)
        }
        missingGoesTrue = missing
        context.ignore("nodes_hitrates", "nodes_hitrates_as_tensor")
        voteTrees = try context.ints(prefix + "_treeids") ?? []
        let voteCount = voteTrees.count
        guard voteCount <= Limits.standard.treeNodesMax else {
            throw OperatorFailure("its \(voteCount) leaf weights are beyond the limit")
        }
        voteNodes = try Self.ints(context, prefix + "_nodeids", voteCount)
        voteTargets = try Self.ints(context, prefix + "_ids", voteCount)
        voteWeights = try Self.floats(context, prefix + "_weights")
        guard voteWeights.count == voteCount else {
            throw Self.wrongCount(prefix + "_weights", voteWeights.count, voteCount)
        }
        baseValues = try Self.floats(context, "base_values")
    }

    /// The forest. Nodes keep the order of the lists, trees that of their first node.
    /// - Parameter target: which score a vote for a class or target counts towards.
    func forest(
        targetCount: Int, aggregate: ForestAggregate, baseValues: [Float],
        target: (Int) -> Int
    ) throws(OperatorFailure) -> Forest {
        let places = try places()
        var trees = places.sizes.map { size in
            ForestDescription.Tree(
                nodes: Array(repeating: .leaf([]), count: size), root: -1)
        }
        let isChild = try fillBranches(&trees, places)
        try fillLeaves(&trees, places, target)
        for node in treeIDs.indices where !isChild[node] {
            let tree = places.tree[node]
            guard trees[tree].root < 0 else {
                throw OperatorFailure("tree \(treeIDs[node]) has two roots")
            }
            trees[tree].root = places.index[node]
        }
        let featureCount = zip(features, modes).reduce(0) { most, node in
            node.1 == nil ? most : max(most, node.0 < Int(Int32.max) ? node.0 + 1 : 0)
        }
        let description = ForestDescription(
            featureCount: featureCount, targetCount: targetCount, trees: trees,
            aggregate: aggregate, baseValues: baseValues.map { Double($0) })
        do throws(ForestError) {
            return try Forest(description)
        } catch {
            throw OperatorFailure("its trees are no forest: \(error)")
        }
    }

    // MARK: Building

    /// Where each node of the lists goes: which tree, and which place in it.
    private struct Places {
        var tree: [Int] = []
        var index: [Int] = []
        var sizes: [Int] = []
        var byID: [UInt64: Int] = [:]

        /// The node of the lists with these identifiers.
        func find(tree: Int, node: Int) -> Int? {
            guard let key = Self.key(tree, node) else { return nil }
            return byID[key]
        }

        static func key(_ tree: Int, _ node: Int) -> UInt64? {
            guard let high = UInt32(exactly: tree), let low = UInt32(exactly: node) else {
                return nil
            }
            return UInt64(high) << 32 | UInt64(low)
        }
    }

    private func places() throws(OperatorFailure) -> Places {
        var places = Places()
        var treeOrder: [Int: Int] = [:]
        for node in treeIDs.indices {
            let tree = treeOrder[treeIDs[node]] ?? places.sizes.count
            if tree == places.sizes.count {
                treeOrder[treeIDs[node]] = tree
                places.sizes.append(0)
            }
            places.tree.append(tree)
            places.index.append(places.sizes[tree])
            places.sizes[tree] += 1
            guard let key = Places.key(treeIDs[node], nodeIDs[node]),
                places.byID.updateValue(node, forKey: key) == nil
            else {
                throw OperatorFailure(
                    "node \(nodeIDs[node]) of tree \(treeIDs[node]) is listed twice or negative")
            }
        }
        return places
    }

    /// Fills in the branches and returns which nodes are children.
    private func fillBranches(
        _ trees: inout [ForestDescription.Tree], _ places: Places
    ) throws(OperatorFailure) -> [Bool] {
        var isChild = Array(repeating: false, count: treeIDs.count)
        for node in treeIDs.indices {
            guard let comparison = modes[node] else { continue }
            guard let yes = places.find(tree: treeIDs[node], node: trueIDs[node]),
                let no = places.find(tree: treeIDs[node], node: falseIDs[node])
            else {
                throw OperatorFailure(
                    "node \(nodeIDs[node]) of tree \(treeIDs[node]) has a child that is not listed")
            }
            isChild[yes] = true
            isChild[no] = true
            let branch = ForestDescription.Branch(
                feature: features[node], comparison: comparison,
                threshold: Double(thresholds[node]),
                trueChild: places.index[yes], falseChild: places.index[no],
                missingGoesTrue: missingGoesTrue.isEmpty ? false : missingGoesTrue[node] != 0)
            trees[places.tree[node]].nodes[places.index[node]] = .branch(branch)
        }
        return isChild
    }

    private func fillLeaves(
        _ trees: inout [ForestDescription.Tree], _ places: Places, _ target: (Int) -> Int
    ) throws(OperatorFailure) {
        var votes: [Int: [ForestVote]] = [:]
        for vote in voteTrees.indices {
            guard let node = places.find(tree: voteTrees[vote], node: voteNodes[vote]),
                modes[node] == nil
            else {
                throw OperatorFailure(
                    "a weight is for node \(voteNodes[vote]) of tree \(voteTrees[vote]), which is "
                        + "no leaf")
            }
            guard let place = Int32(exactly: target(voteTargets[vote])) else {
                throw OperatorFailure("a weight is for target \(voteTargets[vote])")
            }
            votes[node, default: []].append(
                ForestVote(target: place, weight: Double(voteWeights[vote])))
        }
        for (node, list) in votes {
            trees[places.tree[node]].nodes[places.index[node]] = .leaf(list)
        }
    }

    // MARK: Lists

    private static func ints(
        _ context: OperatorContext, _ name: String, _ count: Int
    ) throws(OperatorFailure) -> [Int] {
        let list = try context.ints(name) ?? []
        guard list.count == count else { throw wrongCount(name, list.count, count) }
        return list
    }

    /// A list of floats, or since version 3 a float32 or float64 tensor.
    private static func floats(
        _ context: OperatorContext, _ name: String
    ) throws(OperatorFailure) -> [Float] {
        let list = try context.floats(name) ?? []
        guard context.version >= 3, let tensor = try context.tensor(name + "_as_tensor") else {
            return list
        }
        guard list.isEmpty else { throw OperatorFailure("it has '\(name)' in two forms") }
        if tensor.dataType == .float32 { return tensor.array(as: Float.self) }
        return try doubles(tensor, name).map { Float($0) }
    }

    private static func doubles(
        _ tensor: Tensor, _ name: String
    ) throws(OperatorFailure) -> [Double] {
        guard tensor.dataType == .float64 else {
            throw OperatorFailure("its '\(name)' of \(tensor.dataType.name) are not supported")
        }
        return tensor.array(as: Double.self)
    }

    /// Thresholds in float32. A float64 one is rounded to the side that leaves every comparison
    /// with a float32 value as it was.
    private static func thresholds(
        _ context: OperatorContext, _ modes: [ForestDescription.Comparison?]
    ) throws(OperatorFailure) -> [Float] {
        let name = "nodes_values"
        if context.version >= 3, let tensor = try context.tensor(name + "_as_tensor"),
            tensor.dataType == .float64
        {
            let values = try doubles(tensor, name)
            guard values.count == modes.count else {
                throw wrongCount(name, values.count, modes.count)
            }
            return zip(values, modes).map { value, mode in
                switch mode {
                case .lessOrEqual, .greater: Self.rounded(value, up: false)
                case .less, .greaterOrEqual: Self.rounded(value, up: true)
                case .equal, .notEqual, nil: Float(value)
                }
            }
        }
        let values = try floats(context, name)
        guard values.count == modes.count else {
            throw wrongCount(name, values.count, modes.count)
        }
        return values
    }

    private static func rounded(_ value: Double, up: Bool) -> Float {
        let nearest = Float(value)
        if up { return Double(nearest) < value ? nearest.nextUp : nearest }
        return Double(nearest) > value ? nearest.nextDown : nearest
    }

    /// The comparison of each branch; nil is a leaf.
    private static func modes(
        _ context: OperatorContext, _ count: Int
    ) throws(OperatorFailure) -> [ForestDescription.Comparison?] {
        let names = try context.strings("nodes_modes") ?? []
        guard names.count == count else { throw wrongCount("nodes_modes", names.count, count) }
        var result: [ForestDescription.Comparison?] = []
        result.reserveCapacity(count)
        for name in names {
            switch name {
            case "LEAF": result.append(nil)
            case "BRANCH_LEQ": result.append(.lessOrEqual)
            case "BRANCH_LT": result.append(.less)
            case "BRANCH_GTE": result.append(.greaterOrEqual)
            case "BRANCH_GT": result.append(.greater)
            case "BRANCH_EQ": result.append(.equal)
            case "BRANCH_NEQ": result.append(.notEqual)
            default: throw OperatorFailure("its mode '\(name)' is none of the standard")
            }
        }
        return result
    }

    private static func wrongCount(_ name: String, _ found: Int, _ wanted: Int) -> OperatorFailure {
        OperatorFailure("its '\(name)' has \(found) entries instead of \(wanted)")
    }
}
