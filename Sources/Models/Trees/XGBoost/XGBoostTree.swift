import Kernels
import Primitives

/// One tree of an XGBoost model: parallel arrays, a node each.
struct XGBoostTree {
    private let place: DocumentPlace
    private let targetCount: Int
    let nodeCount: Int
    /// Nodes that pruning left behind; nothing leads to them.
    private let deletedCount: Int
    private let leftChildren: [Int]
    private let rightChildren: [Int]
    private let features: [Int]
    private let conditions: [Double]
    private let defaultLeft: [Bool]
    private let hessians: [Double]
    /// The categories that go right, of each node that splits by category.
    private let categories: [Int: CategorySet]
    /// Weights of leaves with one a target; empty for plain trees.
    private let vectors: [Double]
    /// Whether `vectors` has a place for every node, as before XGBoost 3.1, or for leaves only.
    private let vectorsAreOfNodes: Bool

    init(
        _ place: DocumentPlace, targetCount: Int, limits: Limits
    ) throws(ModelLoadError) {
        self.place = place
        self.targetCount = targetCount
        let parameters = try place.member("tree_param")
        nodeCount = try parameters.member("num_nodes").integer(1...limits.treeNodesMax)
        deletedCount = try parameters.optional("num_deleted")?.integer(0...nodeCount - 1) ?? 0
        let indices = -1...Int(Int32.max)
        leftChildren = try place.member("left_children").integers(indices, count: nodeCount)
        rightChildren = try place.member("right_children").integers(indices, count: nodeCount)
        features = try place.member("split_indices").integers(
            0...Int(UInt32.max), count: nodeCount)
        conditions = try place.member("split_conditions").numbers(count: nodeCount)
        defaultLeft = try place.member("default_left").flags(count: nodeCount)
        hessians = try place.optional("sum_hessian")?.numbers(count: nodeCount) ?? []
        categories = try Self.categories(place, nodeCount, limits)
        let size = try parameters.optional("size_leaf_vector")?.integer(0...targetCount) ?? 0
        guard size > 1 else {
            (vectors, vectorsAreOfNodes) = ([], false)
            return
        }
        guard size == targetCount else {
            throw place.failure("its leaves have \(size) weights for \(targetCount) targets")
        }
        if let leaves = try place.optional("leaf_weights") {
            vectors = try leaves.numbers()
            vectorsAreOfNodes = false
        } else {
            vectors = try place.member("base_weights").numbers(count: nodeCount * targetCount)
            vectorsAreOfNodes = true
        }
    }

    private static func categories(
        _ place: DocumentPlace, _ nodeCount: Int, _ limits: Limits
    ) throws(ModelLoadError) -> [Int: CategorySet] {
        // Files of versions before 1.5 have no categories.
        guard let types = try place.optional("split_type") else { return [:] }
        let isCategorical = try types.integers(0...1, count: nodeCount)
        guard isCategorical.contains(1) else { return [:] }
        let all = try place.member("categories").integers(0...limits.categoryMax)
        let nodes = try place.member("categories_nodes").integers(0...nodeCount - 1)
        let starts = try place.member("categories_segments").integers(
            0...all.count, count: nodes.count)
        let sizes = try place.member("categories_sizes").integers(
            0...all.count, count: nodes.count)
        var result: [Int: CategorySet] = [:]
        for (index, node) in nodes.enumerated() {
            guard sizes[index] <= all.count - starts[index],
                let set = CategorySet(
                    all[starts[index]..<starts[index] + sizes[index]], limit: limits.categoryMax)
            else { throw place.failure("the categories of node \(node) are not in its list") }
            result[node] = set
        }
        for node in 0..<nodeCount where isCategorical[node] == 1 && result[node] == nil {
            throw place.failure("node \(node) splits by category but has no categories")
        }
        return result.filter { isCategorical[$0.key] == 1 }
    }

    /// The tree as the forest takes it; weights of leaves are multiplied with `weight`.
    func description(
        group: Int, weight: Double
    ) throws(ModelLoadError) -> ForestDescription.Tree {
        var nodes: [ForestDescription.Node] = []
        nodes.reserveCapacity(nodeCount)
        for node in 0..<nodeCount {
            if leftChildren[node] < 0 {
                nodes.append(.leaf(try votes(node, group: group, weight: weight)))
                continue
            }
            // x < condition goes left; a category that is in the set goes right.
            let (left, right) = (leftChildren[node], rightChildren[node])
            if let set = categories[node] {
                nodes.append(
                    .branch(
                        .init(
                            feature: features[node], test: .category(set, truncates: false),
                            trueChild: right, falseChild: left,
                            missingGoesTrue: !defaultLeft[node])))
            } else {
                nodes.append(
                    .branch(
                        .init(
                            feature: features[node], test: .compare(.less, conditions[node]),
                            trueChild: left, falseChild: right,
                            missingGoesTrue: defaultLeft[node])))
            }
        }
        let covers = hessians.map { Float($0) }
        let isCover = covers.allSatisfy { $0 >= 0 && $0.isFinite }
        return ForestDescription.Tree(
            nodes: nodes, covers: isCover ? covers : [], strayCount: deletedCount)
    }

    private func votes(
        _ node: Int, group: Int, weight: Double
    ) throws(ModelLoadError) -> [ForestVote] {
        guard targetCount > 1, !vectors.isEmpty else {
            return [
                ForestVote(
                    target: Int32(group), weight: Double(Float(conditions[node])) * weight)
            ]
        }
        // The right child of a leaf is its place among the leaves.
        let index = vectorsAreOfNodes ? node : rightChildren[node]
        guard index >= 0, index < vectors.count / targetCount else {
            throw place.failure("node \(node): its weights are number \(index), which is not there")
        }
        return (0..<targetCount).map { target in
            let value = vectors[index * targetCount + target]
            return ForestVote(target: Int32(target), weight: Double(Float(value)) * weight)
        }
    }
}
