import Kernels
import Primitives
import Testing

/// Forests at the limits of ranks: as many thresholds as fit a byte, whole blocks of them and one more
/// or less; full and ragged trees, chains, single leaves; branches that treat missing values, and zeros,
/// in every way at once. Rows sit on thresholds, beyond them, or are missing.
@Test(arguments: KernelSet.all, ForestPrecision.allCases)
func ranksGiveTheBitsOfTheReference(kernels: KernelSet, precision: ForestPrecision) throws {
    var random = SeededGenerator(5)
    for thresholds in [1, 15, 16, 17, 48, 240, 254, 255] {
        for (leaves, balance) in [(1, 0.5), (2, 0.5), (8, 0.5), (40, 0.3), (64, 0.5), (63, 0.02)] {
            var description = ForestDescription(
                featureCount: 5, targetCount: thresholds % 3 + 1,
                aggregate: leaves == 40 ? .average : .sum, precision: precision)
            description.baseValues = (0..<description.targetCount).map { Double($0) - 0.3 }
            for tree in 0..<19 {
                let target = Int32(tree % description.targetCount)
                description.trees.append(
                    tree == 3
                        ? allThresholds(thresholds, target, &random)
                        : grown(leaves, balance, thresholds, target, &random))
            }
            let forest = try Forest(description, ranksFrom: 1)
            #expect(forest.ranksRowsMin == 1)
            try expectSameBits(kernels, description, forest, thresholds, &random)
        }
    }
}

@Test func aForestBeyondTheLimitsOfRanksIsComputedWithoutThem() throws {
    var random = SeededGenerator(6)
    for (thresholds, leaves) in [(256, 40), (40, 257)] {
        var description = ForestDescription(featureCount: 5, targetCount: 1)
        description.trees = [
            allThresholds(min(thresholds, 200), 0, &random),
            grown(leaves, 0.5, 40, 0, &random),
        ]
        if thresholds > 255 {
            for first in [0, 128] {
                description.trees.append(allThresholds(128, 0, &random, first: first))
            }
        }
        let forest = try Forest(description, ranksFrom: 1)
        #expect(forest.ranksRowsMin == 0)
        try expectSameBits(.best, description, forest, 40, &random)
    }
}

/// A balanced tree of branches on feature 0, one a threshold.
private func allThresholds(
    _ count: Int, _ target: Int32, _ random: inout SeededGenerator, first: Int = 0
) -> ForestDescription.Tree {
    var nodes: [ForestDescription.Node] = []
    func grow(_ range: Range<Int>) -> Int {
        let place = nodes.count
        nodes.append(
            .leaf([ForestVote(target: target, weight: Double.random(in: -1...1, using: &random))]))
        guard !range.isEmpty else { return place }
        let middle = (range.lowerBound + range.upperBound) / 2
        var branch = ForestDescription.Branch(
            feature: 0, comparison: .lessOrEqual, threshold: threshold(first + middle),
            trueChild: 0,
            falseChild: 0)
        branch.trueChild = grow(range.lowerBound..<middle)
        branch.falseChild = grow(middle + 1..<range.upperBound)
        nodes[place] = .branch(branch)
        return place
    }
    let root = grow(0..<count)
    return ForestDescription.Tree(nodes: nodes, root: root)
}

/// The i-th threshold; some are zero, tiny or infinite.
private func threshold(_ index: Int) -> Double {
    switch index {
    case 0: 0
    case 1: 1e-36
    case 2: .infinity
    default: Double(index * index) / 64 - 100.5
    }
}

private func grown(
    _ leaves: Int, _ balance: Double, _ thresholds: Int, _ target: Int32,
    _ random: inout SeededGenerator
) -> ForestDescription.Tree {
    var nodes: [ForestDescription.Node] = []
    func grow(_ leaves: Int) -> Int {
        let place = nodes.count
        nodes.append(
            .leaf([ForestVote(target: target, weight: Double.random(in: -1...1, using: &random))]))
        guard leaves > 1 else { return place }
        let left = max(1, min(leaves - 1, Int(Double(leaves) * balance)))
        var branch = ForestDescription.Branch(
            feature: Int.random(in: 0..<5, using: &random),
            comparison: .lessOrEqual,
            threshold: threshold(Int.random(in: 0..<thresholds, using: &random)),
            trueChild: 0, falseChild: 0, missingGoesTrue: Bool.random(using: &random))
        branch.zeroIsMissing = branch.feature == 2 && Bool.random(using: &random)
        branch.trueChild = grow(left)
        branch.falseChild = grow(leaves - left)
        nodes[place] = .branch(branch)
        return place
    }
    let root = grow(leaves)
    return ForestDescription.Tree(nodes: nodes, root: root)
}

/// Rows in every number around the size of a block, against the reference and against one alone.
private func expectSameBits(
    _ kernels: KernelSet, _ description: ForestDescription, _ forest: Forest, _ thresholds: Int,
    _ random: inout SeededGenerator
) throws {
    let most = 130
    let x = (0..<most * 5).map { index in
        switch Int.random(in: 0..<10, using: &random) {
        case 0 where index >= 64 * 5: Double.nan  // the first block has none
        case 1: Double.infinity
        case 2: -Double.infinity
        case 3: -0.0
        case 4: 1e-30
        case 5: Double.random(in: -200...1200, using: &random)
        default: threshold(Int.random(in: 0..<thresholds, using: &random))
        }
    }
    let all = scores(kernels, forest, x, rows: most)
    for rows in [1, 7, 63, 64, 65, 129] {
        let some = scores(kernels, forest, Array(x[0..<rows * 5]), rows: rows)
        #expect(some == Array(all[0..<rows * description.targetCount]))
    }
    for row in 0..<most {
        let input = Array(x[row * 5..<(row + 1) * 5])
        let got = Array(all[row * description.targetCount..<(row + 1) * description.targetCount])
        let wanted = description.referenceScores(input)
        #expect(got == wanted, "row \(row): \(input)")
    }
}

private func scores(_ kernels: KernelSet, _ forest: Forest, _ x: [Double], rows: Int) -> [Double] {
    switch forest.precision {
    case .float32:
        let input = x.map { Float($0) }
        var y = [Float](repeating: .nan, count: rows * forest.targetCount)
        var target = y.mutableSpan
        kernels.forestScores(forest, x: input.span, rows: rows, features: 5, y: &target)
        return y.map { Double($0) }
    case .float64:
        var y = [Double](repeating: .nan, count: rows * forest.targetCount)
        var target = y.mutableSpan
        kernels.forestScores(forest, x: x.span, rows: rows, features: 5, y: &target)
        return y
    }
}
