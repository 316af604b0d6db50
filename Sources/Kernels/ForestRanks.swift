import Primitives

/// The trees of a forest for rows of ranks (`RankTrees`): at most 256 leaves each, one vote a leaf, no
/// test but ≤, and at most 255 thresholds a feature, which is what libraries that bin features have.
struct ForestRanks: Sendable {
    let features: AlignedMemory  // RankFeature
    let featureCount: Int
    let thresholds: AlignedMemory  // Value
    let trees: AlignedMemory  // RankTree
    let targetStarts: AlignedMemory  // Int32, one a target and one more
    let units: AlignedMemory  // RankUnit
    let steps: AlignedMemory  // RankStep
    let leaves: AlignedMemory  // Double
    let constants: Int
    /// Blocks of fewer rows are computed otherwise; 0 until that was measured.
    var rowsMin = 0

    /// Nil when the layout has no such form. `targets` has one entry a tree.
    init?<Value: ForestValue>(
        _ layout: ForestLayout<Value>, _ targets: [Int32], targetCount: Int
    ) {
        guard layout.tests != .sets, let scale = RankScale(layout) else { return nil }
        let order = targets.indices.sorted { (targets[$0], $0) < (targets[$1], $1) }
        var shapes: [RankTreeShape<Value>] = []
        for tree in order {
            guard let shape = RankTreeShape(layout, root: Int(layout.roots[tree])) else {
                return nil
            }
            shapes.append(shape)
        }
        let constants = shapes.reduce(0) { max($0, $1.singles.count) }
        var builder = RankTreeBuilder(scale: scale, layout: layout, constants: constants)
        for shape in shapes {
            guard builder.append(shape) else { return nil }
        }
        var starts = [Int32](repeating: 0, count: targetCount + 1)
        for target in targets { starts[Int(target) + 1] += 1 }
        for target in 0..<targetCount { starts[target + 1] += starts[target] }
        features = AlignedMemory(copying: scale.features)
        featureCount = scale.features.count
        thresholds = AlignedMemory(copying: scale.thresholds)
        trees = AlignedMemory(copying: builder.trees)
        targetStarts = AlignedMemory(copying: starts)
        units = AlignedMemory(copying: builder.units)
        steps = AlignedMemory(copying: builder.steps)
        leaves = AlignedMemory(copying: builder.leaves)
        self.constants = constants
    }

    var byteCount: Int {
        features.byteCount + thresholds.byteCount + trees.byteCount + targetStarts.byteCount
            + units.byteCount + steps.byteCount + leaves.byteCount
    }

    /// The arrays as a kernel reads them, alive as long as this is.
    func tables<Value: ForestValue>(_ type: Value.Type) -> RankTrees<Value> {
        RankTrees(
            features: features.span(as: RankFeature.self).address, featureCount: featureCount,
            thresholds: thresholds.span(as: Value.self).address,
            trees: trees.span(as: RankTree.self).address,
            targetStarts: targetStarts.span(as: Int32.self).address,
            units: units.span(as: RankUnit.self).address,
            steps: steps.span(as: RankStep.self).address,
            leaves: leaves.span(as: Double.self).address, constants: constants, rowsMin: rowsMin)
    }
}
