import Kernels
import Primitives

/// One tree of a LightGBM model: arrays of its branches and of its leaves. A child below zero is
/// leaf -child - 1.
struct LightGBMTree: Sendable {
    var features: [Int] = []
    var thresholds: [Double] = []
    var decisions: [Decision] = []
    var leftChildren: [Int] = []
    var rightChildren: [Int] = []
    /// The categories that go left, of each branch that splits by category.
    var categories: [Int: CategorySet] = [:]
    var leafValues: [Double] = []
    /// Training rows of each branch and leaf; empty when the file does not say.
    var branchCounts: [Double] = []
    var leafCounts: [Double] = []
    /// Linear functions of the leaves; empty for plain trees.
    var linear: [LinearLeaves.Leaf] = []

    /// The bits of LightGBM's decision_type.
    struct Decision: Sendable {
        enum Missing: Int, Sendable {
            /// NaN counts as 0.
            case none
            /// NaN and zero take the default direction.
            case zero
            /// NaN takes the default direction.
            case nan
        }

        var isCategorical: Bool
        var defaultsLeft: Bool
        var missing: Missing

        init(isCategorical: Bool, defaultsLeft: Bool, missing: Missing) {
            self.isCategorical = isCategorical
            self.defaultsLeft = defaultsLeft
            self.missing = missing
        }

        init?(bits: Int) {
            guard (0...15).contains(bits), let missing = Missing(rawValue: bits >> 2) else {
                return nil
            }
            self.init(
                isCategorical: bits & 1 != 0, defaultsLeft: bits & 2 != 0, missing: missing)
        }
    }

    /// The tree as the forest takes it: branches first, then leaves.
    func description(target: Int) -> ForestDescription.Tree {
        let branchCount = features.count
        func place(_ child: Int) -> Int { child >= 0 ? child : branchCount + (-1 - child) }
        var nodes: [ForestDescription.Node] = []
        nodes.reserveCapacity(branchCount + leafValues.count)
        for branch in 0..<branchCount {
            nodes.append(
                .branch(
                    self.branch(
                        branch, left: place(leftChildren[branch]),
                        right: place(rightChildren[branch]))))
        }
        for value in leafValues {
            nodes.append(.leaf([ForestVote(target: Int32(target), weight: value)]))
        }
        let covers = (branchCounts + leafCounts).map { Float($0) }
        let areCovers =
            covers.count == nodes.count && covers.allSatisfy { $0 >= 0 && $0.isFinite }
        return ForestDescription.Tree(nodes: nodes, covers: areCovers ? covers : [])
    }

    /// LightGBM's predictor takes values of at most 1e-35, either side of zero, for zero before any
    /// tree sees them. The same comes of moving a threshold among them to the edge.
    private static func withoutZeros(_ threshold: Double) -> Double {
        let zero = Double(Float(1e-35))
        guard abs(threshold) <= zero else { return threshold }
        return threshold >= 0 ? zero : (-zero).nextDown
    }

    /// As Tree::NumericalDecision and Tree::CategoricalDecision of LightGBM's tree.h have it.
    private func branch(_ index: Int, left: Int, right: Int) -> ForestDescription.Branch {
        if let set = categories[index] {
            return ForestDescription.Branch(
                feature: features[index], test: .category(set, truncates: true), trueChild: left,
                falseChild: right)
        }
        let threshold = Self.withoutZeros(thresholds[index])
        let decision = decisions[index]
        let missingGoesLeft =
            switch decision.missing {
            case .none: 0 <= threshold
            case .zero, .nan: decision.defaultsLeft
            }
        return ForestDescription.Branch(
            feature: features[index], test: .compare(.lessOrEqual, threshold), trueChild: left,
            falseChild: right, missingGoesTrue: missingGoesLeft,
            zeroIsMissing: decision.missing == .zero)
    }
}
