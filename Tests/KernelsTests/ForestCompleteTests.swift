import Kernels
import Primitives
import Testing

/// Full and ragged trees of several depths: shallow enough for the complete layout, at its limit, and
/// past it; with and without missing values, whose rows take the other path.
@Test(arguments: KernelSet.all, ForestPrecision.allCases)
func everyLayoutGivesTheSameBits(kernels: KernelSet, precision: ForestPrecision) throws {
    var random = SeededGenerator(21)
    for depth in [0, 1, 2, 3, 6, 9, 10] {
        for (treeCount, targets) in [(1, 1), (7, 1), (8, 2), (25, 3)] {
            var description = ForestDescription(
                featureCount: 3, targetCount: targets,
                aggregate: treeCount == 25 ? .average : .sum, baseValues: [],
                precision: precision)
            for tree in 0..<treeCount {
                description.trees.append(
                    ragged(depth: depth, target: Int32(tree % targets), &random))
            }
            let forest = try Forest(description)
            let rows = 71
            let choices = [-1, -0.5, 0, 0.25, 0.5, 1, Double.infinity, -Double.infinity, .nan]
            let x = (0..<rows * 3).map { index in
                // The first block has no NaN.
                choices[Int.random(in: 0..<(index < 64 * 3 ? 8 : 9), using: &random)]
            }
            let together = scores(kernels, forest, x, rows: rows)
            for row in 0..<rows {
                let input = Array(x[row * 3..<(row + 1) * 3])
                let wanted = description.referenceScores(input)
                let got = Array(together[row * targets..<(row + 1) * targets])
                #expect(got.map { $0 + 0 } == wanted.map { $0 + 0 })
                #expect(scores(kernels, forest, input, rows: 1) == got)
            }
        }
    }
}

private func ragged(
    depth: Int, target: Int32, _ random: inout SeededGenerator
) -> ForestDescription.Tree {
    var nodes: [ForestDescription.Node] = []
    func grow(_ depth: Int) -> Int {
        let place = nodes.count
        nodes.append(
            .leaf([ForestVote(target: target, weight: Double.random(in: -1...1, using: &random))]))
        guard depth > 0, Int.random(in: 0..<8, using: &random) > 0 else { return place }
        let thresholds = [-1, -0.5, 0, 0.25, 0.5, 1, Double.infinity]
        var branch = ForestDescription.Branch(
            feature: Int.random(in: 0..<3, using: &random),
            comparison: Bool.random(using: &random) ? .less : .lessOrEqual,
            threshold: thresholds[Int.random(in: 0..<7, using: &random)], trueChild: 0,
            falseChild: 0, missingGoesTrue: Bool.random(using: &random))
        branch.trueChild = grow(depth - 1)
        branch.falseChild = grow(depth - 1)
        nodes[place] = .branch(branch)
        return place
    }
    let root = grow(depth)
    return ForestDescription.Tree(nodes: nodes, root: root)
}

private func scores(
    _ kernels: KernelSet, _ forest: Forest, _ x: [Double], rows: Int
) -> [Double] {
    switch forest.precision {
    case .float32:
        let input = x.map { Float($0) }
        var y = [Float](repeating: .nan, count: rows * forest.targetCount)
        var target = y.mutableSpan
        kernels.forestScores(forest, x: input.span, rows: rows, features: 3, y: &target)
        return y.map { Double($0) }
    case .float64:
        var y = [Double](repeating: .nan, count: rows * forest.targetCount)
        var target = y.mutableSpan
        kernels.forestScores(forest, x: x.span, rows: rows, features: 3, y: &target)
        return y
    }
}
