import Kernels
import Primitives

/// The lists by which `TreeEnsemble` (ai.onnx.ml 5) describes trees: branches in one list, leaves in
/// another, children by their index in either.
struct TreeLists {
    private let features, trueChildren, falseChildren: [Int]
    private let trueIsLeaf, falseIsLeaf, missingGoesTrue: [Int]
    private let modes: [UInt8]
    private let splits, members: [Double]
    private let leafTargets: [Int]
    private let leafWeights: [Double]
    private let roots: [Int]
    private let targetCount: Int
    private let aggregate: ForestAggregate
    private let precision: ForestPrecision

    init(_ context: OperatorContext) throws(OperatorFailure) {
        guard let tensor = try context.tensor("nodes_splits"),
            let modeTensor = try context.tensor("nodes_modes"),
            let weights = try context.tensor("leaf_weights")
        else {
            throw OperatorFailure("it must have 'nodes_splits', 'nodes_modes' and 'leaf_weights'")
        }
        precision = tensor.dataType == .float64 ? .float64 : .float32
        splits = try Self.numbers(tensor, "nodes_splits")
        let count = splits.count
        guard modeTensor.dataType == .uint8, modeTensor.elementCount == count else {
            throw OperatorFailure("its 'nodes_modes' are not one uint8 for each of \(count) nodes")
        }
        modes = modeTensor.array(as: UInt8.self)
        func list(
            _ name: String, _ wanted: Int, optional: Bool = false
        ) throws(OperatorFailure) -> [Int] {
            let list = try context.ints(name) ?? []
            guard list.count == wanted || (optional && list.isEmpty) else {
                throw OperatorFailure(
                    "its '\(name)' has \(list.count) entries instead of \(wanted)")
            }
            return list
        }
        features = try list("nodes_featureids", count)
        trueChildren = try list("nodes_truenodeids", count)
        falseChildren = try list("nodes_falsenodeids", count)
        trueIsLeaf = try list("nodes_trueleafs", count)
        falseIsLeaf = try list("nodes_falseleafs", count)
        missingGoesTrue = try list("nodes_missing_value_tracks_true", count, optional: true)
        context.ignore("nodes_hitrates")
        members =
            try context.tensor("membership_values").map {
                (tensor) throws(OperatorFailure) in try Self.numbers(tensor, "membership_values")
            } ?? []
        leafWeights = try Self.numbers(weights, "leaf_weights")
        leafTargets = try list("leaf_targetids", leafWeights.count)
        roots = try context.ints("tree_roots") ?? []
        targetCount = try context.int("n_targets", default: 1)
        switch try context.int("aggregate_function", default: 1) {
        case 0: aggregate = .average
        case 1: aggregate = .sum
        case 2: aggregate = .minimum
        case 3: aggregate = .maximum
        case let other:
            throw OperatorFailure("its aggregate_function \(other) is none of the standard")
        }
        guard count + leafWeights.count <= Limits.standard.treeNodesMax else {
            throw OperatorFailure("its \(count) nodes are beyond the limit")
        }
    }

    private static func numbers(
        _ tensor: Tensor, _ name: String
    ) throws(OperatorFailure) -> [Double] {
        switch tensor.dataType {
        case .float32: return tensor.array(as: Float.self).map { Double($0) }
        case .float64: return tensor.array(as: Double.self)
        case .float16: return tensor.array(as: Float16.self).map { Double($0) }
        case .bfloat16, .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64, .bool,
            .string:
            throw OperatorFailure("its '\(name)' of \(tensor.dataType.name) are not supported")
        }
    }

    func forest() throws(OperatorFailure) -> Forest {
        let sets = try memberSets()
        var trees: [ForestDescription.Tree] = []
        var isUsed = [Bool](repeating: false, count: splits.count)
        for root in roots { trees.append(try tree(root, sets, &isUsed)) }
        if let stray = isUsed.firstIndex(of: false), !(splits.count == 1 && roots.count == 1) {
            throw OperatorFailure("no root leads to node \(stray)")
        }
        let featureCount = features.reduce(0) { max($0, $1 < Int(Int32.max) ? $1 + 1 : 0) }
        do throws(ForestError) {
            return try Forest(
                ForestDescription(
                    featureCount: featureCount, targetCount: targetCount, trees: trees,
                    aggregate: aggregate, precision: precision))
        } catch {
            throw OperatorFailure("its trees are no forest: \(error)")
        }
    }

    /// The values of each node that tests membership: they stand one node after the other, with a
    /// NaN behind each.
    private func memberSets() throws(OperatorFailure) -> [Int: [Double]] {
        let nodes = modes.indices.filter { modes[$0] == 6 }
        let sets = members.split(omittingEmptySubsequences: false) { $0.isNaN }
        guard nodes.isEmpty || sets.count == nodes.count + 1 || sets.count == nodes.count else {
            throw OperatorFailure(
                "it has \(max(sets.count - 1, 0)) sets of members for \(nodes.count) nodes")
        }
        return Dictionary(uniqueKeysWithValues: zip(nodes, sets.map { Array($0) }))
    }

    /// One tree, its nodes in the order in which they are reached.
    private func tree(
        _ root: Int, _ sets: [Int: [Double]], _ isUsed: inout [Bool]
    ) throws(OperatorFailure) -> ForestDescription.Tree {
        var nodes: [ForestDescription.Node] = []
        // A tree that is one leaf is written as a branch both of whose children are that leaf.
        if splits.indices.contains(root), trueIsLeaf[root] != 0, falseIsLeaf[root] != 0,
            trueChildren[root] == falseChildren[root]
        {
            isUsed[root] = true
            return ForestDescription.Tree(nodes: [try leaf(trueChildren[root])])
        }
        var pending: [(index: Int, isLeaf: Bool)] = [(root, false)]
        var next = 0
        while next < pending.count {
            let (index, isLeaf) = pending[next]
            next += 1
            if isLeaf {
                nodes.append(try leaf(index))
                continue
            }
            guard splits.indices.contains(index), !isUsed[index] else {
                throw OperatorFailure(
                    splits.indices.contains(index)
                        ? "two paths lead to node \(index) (a cycle, or a subtree used twice)"
                        : "node \(index) is none of its \(splits.count) nodes")
            }
            isUsed[index] = true
            let missing = missingGoesTrue.isEmpty ? 0 : missingGoesTrue[index]
            nodes.append(
                .branch(
                    .init(
                        feature: features[index], test: try test(index, sets),
                        trueChild: pending.count, falseChild: pending.count + 1,
                        missingGoesTrue: missing != 0)))
            pending.append((trueChildren[index], trueIsLeaf[index] != 0))
            pending.append((falseChildren[index], falseIsLeaf[index] != 0))
        }
        return ForestDescription.Tree(nodes: nodes)
    }

    private func leaf(_ index: Int) throws(OperatorFailure) -> ForestDescription.Node {
        guard leafWeights.indices.contains(index), let target = Int32(exactly: leafTargets[index])
        else {
            throw OperatorFailure("leaf \(index) is none of its \(leafWeights.count) leaves")
        }
        return .leaf([ForestVote(target: target, weight: leafWeights[index])])
    }

    private func test(
        _ node: Int, _ sets: [Int: [Double]]
    ) throws(OperatorFailure) -> ForestDescription.Test {
        switch modes[node] {
        case 0: return .compare(.lessOrEqual, splits[node])
        case 1: return .compare(.less, splits[node])
        case 2: return .compare(.greaterOrEqual, splits[node])
        case 3: return .compare(.greater, splits[node])
        case 4: return .compare(.equal, splits[node])
        case 5: return .compare(.notEqual, splits[node])
        case 6: return .member(sets[node] ?? [])
        case let other:
            throw OperatorFailure("the mode \(other) of node \(node) is none of the standard")
        }
    }
}
