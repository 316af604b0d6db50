import Kernels
import Primitives

/// Reads the JSON that LightGBM's `dump_model` gives: each tree is nested objects.
enum LightGBMDump {
    static func read(
        _ root: DocumentPlace, limits: Limits
    ) throws(ModelLoadError) -> TabularContents {
        var contents = LightGBMContents()
        contents.version = try root.optional("version")?.text() ?? ""
        contents.classCount = try root.member("num_class").integer(1...limits.modelTargetsMax)
        contents.treesPerIteration = try root.member("num_tree_per_iteration").integer(
            1...limits.modelTargetsMax)
        contents.featureCount =
            try root.member("max_feature_idx").integer(-1...limits.modelFeaturesMax - 1) + 1
        contents.objective = try root.optional("objective")?.text() ?? ""
        contents.averages = try root.optional("average_output")?.boolean() ?? false
        contents.featureNames = try root.member("feature_names").texts()
        if let place = try root.optional("feature_infos") {
            for name in contents.featureNames {
                let values = try place.optional(name)?.optional("values")?.elements() ?? []
                contents.isCategorical.append(!values.isEmpty)
            }
        }
        if let place = try root.optional("pandas_categorical") {
            contents.categories = try PandasCategories.read(place)
        }
        for place in try root.member("tree_info").elements() {
            contents.trees.append(try tree(place, limits))
        }
        return try contents.tabular { place, reason in
            ModelLoadError(path: root.path, place: place, reason: reason)
        }
    }

    private static func tree(
        _ place: DocumentPlace, _ limits: Limits
    ) throws(ModelLoadError) -> LightGBMTree {
        let leafCount = try place.member("num_leaves").integer(1...limits.treeNodesMax)
        let structure = try place.member("tree_structure")
        var builder = Builder(limits: limits)
        _ = try builder.add(structure, depth: 0)
        guard builder.leaves.count == leafCount else {
            throw structure.failure("it has \(builder.leaves.count) leaves instead of \(leafCount)")
        }
        return try builder.tree(structure)
    }

    /// Collects branches and leaves, then puts them in the order of their numbers.
    private struct Builder {
        struct Leaf {
            let index: Int
            let value: Double
            let count: Double?
            let linear: LinearLeaves.Leaf?
        }

        let limits: Limits
        var tree = LightGBMTree()
        var leaves: [Leaf] = []

        init(limits: Limits) { self.limits = limits }

        /// Adds a node and what is below; its number as a child. Nesting was bounded by the reader.
        mutating func add(_ place: DocumentPlace, depth: Int) throws(ModelLoadError) -> Int {
            guard try place.optional("split_feature") != nil else {
                return try addLeaf(place)
            }
            let branch = tree.features.count
            tree.features.append(try place.member("split_feature").integer(0...Forest.nodesMax))
            tree.leftChildren.append(0)
            tree.rightChildren.append(0)
            if let count = try place.optional("internal_count") {
                tree.branchCounts.append(try count.number())
            }
            try addTest(place, branch)
            tree.leftChildren[branch] = try add(try place.member("left_child"), depth: depth + 1)
            tree.rightChildren[branch] = try add(try place.member("right_child"), depth: depth + 1)
            return branch
        }

        /// A dump has 1e300 where the text has infinity (LightGBM's `Common::AvoidInf`): the threshold of
        /// a branch that asks only whether the value is missing.
        private static func unbounded(_ threshold: Double) -> Double {
            abs(threshold) < 1e300 ? threshold : threshold * .infinity
        }

        private mutating func addTest(
            _ place: DocumentPlace, _ branch: Int
        ) throws(ModelLoadError) {
            let type = try place.member("decision_type").text()
            let missing: LightGBMTree.Decision.Missing
            switch try place.member("missing_type").text() {
            case "None": missing = .none
            case "Zero": missing = .zero
            case "NaN": missing = .nan
            case let other: throw place.failure("the missing type '\(other)' is not known")
            }
            let threshold = try place.member("threshold")
            tree.decisions.append(
                .init(
                    isCategorical: type == "==",
                    defaultsLeft: try place.member("default_left").boolean(), missing: missing))
            switch type {
            case "<=": tree.thresholds.append(Self.unbounded(try threshold.number()))
            case "==":
                tree.thresholds.append(0)
                var list: [Int] = []
                for part in try threshold.text().split(separator: "|") {
                    guard let category = Int(part) else {
                        throw threshold.failure("'\(part.prefix(40))' is no category")
                    }
                    list.append(category)
                }
                guard let set = CategorySet(list, limit: limits.categoryMax) else {
                    throw threshold.failure("a category is above \(limits.categoryMax)")
                }
                tree.categories[branch] = set
            default: throw place.failure("the decision type '\(type)' is not known")
            }
        }

        private mutating func addLeaf(_ place: DocumentPlace) throws(ModelLoadError) -> Int {
            let index =
                try place.optional("leaf_index")?.integer(0...limits.treeNodesMax) ?? leaves.count
            let value = try place.member("leaf_value").number()
            var linear: LinearLeaves.Leaf?
            if let constant = try place.optional("leaf_const") {
                let features = try place.member("leaf_features").integers(0...Forest.nodesMax)
                let coefficients = try place.member("leaf_coeff").numbers(count: features.count)
                linear = LinearLeaves.Leaf(
                    fallback: value, constant: try constant.number(),
                    terms: zip(features, coefficients).map {
                        .init(feature: $0, coefficient: $1)
                    })
            }
            leaves.append(
                Leaf(
                    index: index, value: value, count: try place.optional("leaf_count")?.number(),
                    linear: linear))
            return -1 - index
        }

        func tree(_ place: DocumentPlace) throws(ModelLoadError) -> LightGBMTree {
            var result = tree
            let sorted = leaves.sorted { $0.index < $1.index }
            for (position, leaf) in sorted.enumerated() where leaf.index != position {
                throw place.failure("its leaves are not numbered 0 to \(sorted.count - 1)")
            }
            result.leafValues = sorted.map(\.value)
            let counts = sorted.compactMap(\.count)
            if counts.count == sorted.count { result.leafCounts = counts }
            if sorted.count == 1 { result.leafCounts = [1] }
            let linear = sorted.compactMap(\.linear)
            if linear.count == sorted.count { result.linear = linear }
            return result
        }
    }
}
