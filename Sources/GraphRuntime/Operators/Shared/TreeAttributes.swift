import Kernels
import Primitives

/// The parallel lists by which `ai.onnx.ml` describes a tree ensemble (versions 1 to 3 of its
/// operators), checked and turned into a `ForestDescription`.
struct TreeAttributes: Sendable {
    private let treeIDs, nodeIDs, features, trueIDs, falseIDs: [Int]
    private let modes: [ForestDescription.Comparison?]
    private let thresholds: [Double]
    /// How often training rows came to each node; empty where the file does not say.
    private let hitRates: [Double]
    private let missingGoesTrue: [Int]
    private let voteTrees, voteNodes: [Int]
    /// The class or target each vote is for.
    let voteTargets: [Int]
    let voteWeights: [Double]
    let baseValues: [Double]

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
        thresholds = try Self.numbers(context, "nodes_values")
        guard thresholds.count == count else {
            throw Self.wrongCount("nodes_values", thresholds.count, count)
        }
        let missing = try context.ints("nodes_missing_value_tracks_true") ?? []
        guard missing.isEmpty || missing.count == count else {
            throw Self.wrongCount("nodes_missing_value_tracks_true", missing.count, count)
        }
        missingGoesTrue = missing
        let rates = try Self.numbers(context, "nodes_hitrates")
        guard rates.isEmpty || rates.count == count else {
            throw Self.wrongCount("nodes_hitrates", rates.count, count)
        }
        hitRates = rates
        voteTrees = try context.ints(prefix + "_treeids") ?? []
        let voteCount = voteTrees.count
        guard voteCount <= Limits.standard.treeNodesMax else {
            throw OperatorFailure("its \(voteCount) leaf weights are beyond the limit")
        }
        voteNodes = try Self.ints(context, prefix + "_nodeids", voteCount)
        voteTargets = try Self.ints(context, prefix + "_ids", voteCount)
        voteWeights = try Self.numbers(context, prefix + "_weights")
        guard voteWeights.count == voteCount else {
            throw Self.wrongCount(prefix + "_weights", voteWeights.count, voteCount)
        }
        baseValues = try Self.numbers(context, "base_values")
    }

    /// The forest. Nodes keep the order of the lists, trees that of their first node.
    /// - Parameters:
    ///   - precision: what its values are compared in.
    ///   - target: which score a vote for a class or target counts towards.
    func forest(
        targetCount: Int, aggregate: ForestAggregate, baseValues: [Double],
        precision: ForestPrecision, target: (Int) -> Int
    ) throws(OperatorFailure) -> Forest {
        let places = try places()
        var trees = places.sizes.map { size in
            ForestDescription.Tree(
                nodes: Array(repeating: .leaf([]), count: size), root: -1)
        }
        let isChild = try fillBranches(&trees, places, precision)
        try fillLeaves(&trees, places, target)
        fillCovers(&trees, places)
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
            aggregate: aggregate, baseValues: baseValues, precision: precision)
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
        _ trees: inout [ForestDescription.Tree], _ places: Places, _ precision: ForestPrecision
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
            let branch = branch(
                node, comparison, places.index[yes], places.index[no], precision)
            trees[places.tree[node]].nodes[places.index[node]] = .branch(branch)
        }
        return isChild
    }

    /// A branch whose threshold fits the precision. In float32, a float64 threshold is rounded to the
    /// side that leaves every comparison with a float32 value as it was.
    private func branch(
        _ node: Int, _ comparison: ForestDescription.Comparison, _ yes: Int, _ no: Int,
        _ precision: ForestPrecision
    ) -> ForestDescription.Branch {
        let exact = thresholds[node]
        let missing = missingGoesTrue.isEmpty ? false : missingGoesTrue[node] != 0
        var result = ForestDescription.Branch(
            feature: features[node], comparison: comparison, threshold: exact, trueChild: yes,
            falseChild: no, missingGoesTrue: missing)
        let nearest = Float(exact)
        guard precision == .float32, Double(nearest) != exact, !exact.isNaN else { return result }
        switch comparison {
        case .lessOrEqual, .greater:
            let below = Double(nearest) > exact ? nearest.nextDown : nearest
            result.test = .compare(comparison, Double(below))
        case .less, .greaterOrEqual:
            let above = Double(nearest) < exact ? nearest.nextUp : nearest
            result.test = .compare(comparison, Double(above))
        // No float32 value equals it.
        case .equal: result.test = .member([exact])
        case .notEqual:
            result.test = .member([exact])
            (result.trueChild, result.falseChild) = (no, yes)
            result.missingGoesTrue = false
        }
        return result
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

    /// Takes the hit rates for covers, if every branch has as many as its children together. Exporters
    /// write a 1 for every node (skl2onnx, onnxmltools, CatBoost), which says nothing.
    private func fillCovers(_ trees: inout [ForestDescription.Tree], _ places: Places) {
        guard !hitRates.isEmpty, hitRates.allSatisfy({ $0 >= 0 && $0 <= 1e30 }) else { return }
        var covers = places.sizes.map { [Float](repeating: 0, count: $0) }
        for node in hitRates.indices {
            covers[places.tree[node]][places.index[node]] = Float(hitRates[node])
        }
        for (tree, covers) in zip(trees, covers) {
            for (place, node) in tree.nodes.enumerated() {
                guard case .branch(let branch) = node else { continue }
                let sum = Double(covers[branch.trueChild]) + Double(covers[branch.falseChild])
                let cover = Double(covers[place])
                guard cover > 0, abs(sum - cover) <= 1e-3 * cover else { return }
            }
        }
        for tree in trees.indices { trees[tree].covers = covers[tree] }
    }

    // MARK: Lists

    private static func ints(
        _ context: OperatorContext, _ name: String, _ count: Int
    ) throws(OperatorFailure) -> [Int] {
        let list = try context.ints(name) ?? []
        guard list.count == count else { throw wrongCount(name, list.count, count) }
        return list
    }

    /// A list of floats, or since version 3 a float32 or float64 tensor; empty when it is left out.
    private static func numbers(
        _ context: OperatorContext, _ name: String
    ) throws(OperatorFailure) -> [Double] {
        let list = try context.floats(name) ?? []
        guard context.version >= 3, let tensor = try context.tensor(name + "_as_tensor") else {
            return list.map { Double($0) }
        }
        guard list.isEmpty else { throw OperatorFailure("it has '\(name)' in two forms") }
        switch tensor.dataType {
        case .float32: return tensor.array(as: Float.self).map { Double($0) }
        case .float64: return tensor.array(as: Double.self)
        case .float16, .bfloat16, .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64,
            .bool, .string:
            throw OperatorFailure("its '\(name)' of \(tensor.dataType.name) are not supported")
        }
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
