import Kernels
import Primitives

extension LightGBMTree {
    /// Reads the section of one tree.
    init(_ section: LightGBMText.Section, limits: Limits) throws(ModelLoadError) {
        self.init()
        let leafCount = try section.integer("num_leaves", 1...limits.treeNodesMax)
        leafValues = try section.numbers("leaf_value", count: leafCount)
        if leafCount > 1 {
            try readBranches(section, leafCount - 1, limits)
            if section.optional("leaf_count") != nil, section.optional("internal_count") != nil {
                leafCounts = try section.numbers("leaf_count", count: leafCount)
                branchCounts = try section.numbers("internal_count", count: leafCount - 1)
            }
        } else {
            // A tree of one leaf explains nothing, whatever came through it.
            leafCounts = [1]
        }
        if try section.integer("is_linear", 0...1, default: 0) == 1 {
            try readLinear(section, leafCount)
        }
    }

    private mutating func readBranches(
        _ section: LightGBMText.Section, _ count: Int, _ limits: Limits
    ) throws(ModelLoadError) {
        let children = -(count + 1)...count - 1
        features = try section.integers("split_feature", 0...Forest.nodesMax, count: count)
        thresholds = try section.numbers("threshold", count: count)
        leftChildren = try section.integers("left_child", children, count: count)
        rightChildren = try section.integers("right_child", children, count: count)
        for (branch, bits) in try section.integers("decision_type", 0...15, count: count)
            .enumerated()
        {
            guard let decision = Decision(bits: bits) else {
                throw section.failure("decision_type", "branch \(branch) is of missing type 3")
            }
            decisions.append(decision)
        }
        guard decisions.contains(where: { $0.isCategorical }) else { return }
        let words = try section.integers("cat_threshold", 0...Int(UInt32.max))
        let starts = try section.integers("cat_boundaries", 0...words.count)
        for branch in 0..<count where decisions[branch].isCategorical {
            guard let index = Int(exactly: thresholds[branch]), index >= 0,
                index < starts.count - 1, starts[index] <= starts[index + 1]
            else {
                throw section.failure(
                    "threshold", "branch \(branch) takes categories that are not there")
            }
            let set = words[starts[index]..<starts[index + 1]]
            guard set.count <= limits.categoryMax / 32 + 1 else {
                throw section.failure("cat_boundaries", "branch \(branch) has too many categories")
            }
            categories[branch] = CategorySet(words: set.map { UInt32($0) })
        }
    }

    private mutating func readLinear(
        _ section: LightGBMText.Section, _ leafCount: Int
    ) throws(ModelLoadError) {
        let constants = try section.numbers("leaf_const", count: leafCount)
        let counts = try section.integers(
            "num_features", 0...Forest.nodesMax, count: leafCount)
        let features = try section.integers("leaf_features", 0...Forest.nodesMax)
        let coefficients = try section.numbers("leaf_coeff", count: features.count)
        var next = 0
        for leaf in 0..<leafCount {
            guard counts[leaf] <= features.count - next else {
                throw section.failure("leaf_features", "leaf \(leaf) has fewer than it says")
            }
            let terms = (next..<next + counts[leaf]).map {
                LinearLeaves.Term(feature: features[$0], coefficient: coefficients[$0])
            }
            next += counts[leaf]
            linear.append(
                .init(fallback: leafValues[leaf], constant: constants[leaf], terms: terms))
        }
        guard next == features.count else {
            throw section.failure("leaf_features", "it has more than the leaves have")
        }
    }
}
