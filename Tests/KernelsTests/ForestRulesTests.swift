import Kernels
import Primitives
import Testing

private typealias Node = ForestDescription.Node
private typealias Branch = ForestDescription.Branch

private let edges: [Double] = [
    -.infinity, -33, -2, -1, -0.5, -1e-35, -1e-36, -0.0, 0, 1e-36, 0.1, 0.5, 1, 1.5, 2, 3, 31, 31.9,
    32,
    63, 64, 1e6, 1e12, .infinity, .nan,
]

/// A random tree of one vote a leaf, with every kind of test.
private func tree(
    _ description: ForestDescription, target: Int32?, depth: Int, _ random: inout SeededGenerator
) -> ForestDescription.Tree {
    var nodes: [Node] = []
    var covers: [Float] = []
    func test() -> ForestDescription.Test {
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
            let words = (0..<Int.random(in: 0...2, using: &random)).map { _ in
                UInt32.random(in: 0...UInt32.max, using: &random)
            }
            return .category(CategorySet(words: words), truncates: Bool.random(using: &random))
        case 1: return .member([0.5, 1, 2].filter { _ in Bool.random(using: &random) })
        default:
            let comparisons = ForestDescription.Comparison.allCases
            return .compare(
                comparisons[Int.random(in: 0..<comparisons.count, using: &random)],
                edges.filter { !$0.isNaN }.randomElement(using: &random) ?? 0)
        }
    }
    func grow(_ depth: Int) -> Int {
        let place = nodes.count
        nodes.append(
            .leaf([
                ForestVote(
                    target: target
                        ?? Int32.random(in: 0..<Int32(description.targetCount), using: &random),
                    weight: Double.random(in: -1...1, using: &random))
            ]))
        covers.append(Float.random(in: 1...9, using: &random))
        guard depth > 0, Int.random(in: 0..<6, using: &random) > 0 else { return place }
        var branch = Branch(
            feature: Int.random(in: 0..<description.featureCount, using: &random), test: test(),
            trueChild: 0, falseChild: 0, missingGoesTrue: Bool.random(using: &random),
            zeroIsMissing: Int.random(in: 0..<4, using: &random) == 0)
        branch.trueChild = grow(depth - 1)
        branch.falseChild = grow(depth - 1)
        covers[place] = covers[branch.trueChild] + covers[branch.falseChild]
        nodes[place] = .branch(branch)
        return place
    }
    let root = grow(depth)
    return ForestDescription.Tree(nodes: nodes, root: root, covers: covers)
}

private func forest(
    _ precision: ForestPrecision, targets: Int, trees: Int, oneTargetATree: Bool, seed: UInt64
) -> ForestDescription {
    var random = SeededGenerator(seed)
    var description = ForestDescription(
        featureCount: 4, targetCount: targets, baseValues: (0..<targets).map { Double($0) / 7 },
        precision: precision)
    for index in 0..<trees {
        description.trees.append(
            tree(
                description, target: oneTargetATree ? Int32(index % targets) : nil, depth: 5,
                &random))
    }
    return description
}

@Test(arguments: KernelSet.all, [true, false])
func setsMissingValuesAndZerosGoWhereTheDescriptionSendsThem(
    kernels: KernelSet, oneTargetATree: Bool
) throws {
    var random = SeededGenerator(3)
    for seed in 0..<20 {
        let description = forest(
            .float64, targets: 3, trees: 11, oneTargetATree: oneTargetATree, seed: UInt64(seed))
        let forest = try Forest(description)
        let rows = 43
        let x = (0..<rows * 4).map { _ in edges.randomElement(using: &random) ?? 0 }
        var y = [Double](repeating: .nan, count: rows * 3)
        var leaves = [Int32](repeating: -1, count: rows * 11)
        var target = y.mutableSpan
        var places = leaves.mutableSpan
        kernels.forestScores(forest, x: x.span, rows: rows, features: 4, y: &target)
        kernels.forestLeaves(forest, x: x.span, rows: rows, features: 4, leaves: &places)
        for row in 0..<rows {
            let input = Array(x[row * 4..<(row + 1) * 4])
            let expected = description.referenceScores(input)
            #expect(expected.map { $0 + 0 } == y[row * 3..<(row + 1) * 3].map { $0 + 0 })
            for (index, tree) in description.trees.enumerated() {
                let leaf = forest.origin(of: leaves[row * 11 + index])
                #expect(leaf == tree.leaf(input, .float64))
            }
        }
    }
}

@Test func thresholdsAreComparedInThePrecisionOfTheForest() throws {
    // 0.1 lies between two floats; a float32 forest cannot tell it from its nearest float.
    for precision in ForestPrecision.allCases {
        let branch = Branch(feature: 0, threshold: 0.1, trueChild: 1, falseChild: 2)
        let leaves: [Node] = [
            .leaf([ForestVote(target: 0, weight: 1)]), .leaf([ForestVote(target: 0, weight: 2)]),
        ]
        let forest = try Forest(
            ForestDescription(
                featureCount: 1, targetCount: 1, trees: [.init(nodes: [.branch(branch)] + leaves)],
                precision: precision))
        switch precision {
        case .float32:
            let x: [Float] = [0.1, Float(0.1).nextUp]
            var y: [Float] = [0, 0]
            var target = y.mutableSpan
            KernelSet.best.forestScores(forest, x: x.span, rows: 2, features: 1, y: &target)
            #expect(y == [1, 2])
        case .float64:
            let x = [0.1, 0.1.nextUp]
            var y = [0.0, 0]
            var target = y.mutableSpan
            KernelSet.best.forestScores(forest, x: x.span, rows: 2, features: 1, y: &target)
            #expect(y == [1, 2])
        }
    }
}

/// Shapley values by their definition: over all subsets of features, the expected score of a row
/// of which only those are known.
private func shapley(_ description: ForestDescription, _ row: [Double]) -> [[Double]] {
    let features = description.featureCount
    func expected(_ tree: ForestDescription.Tree, _ place: Int, known: Int) -> [Double] {
        switch tree.nodes[place] {
        case .leaf(let votes):
            var result = [Double](repeating: 0, count: description.targetCount)
            for vote in votes { result[Int(vote.target)] += vote.weight }
            return result
        case .branch(let branch):
            if known >> branch.feature & 1 != 0 {
                let single = ForestDescription.Tree(nodes: tree.nodes, root: place)
                let leaf = single.leaf(row, description.precision)
                var onTrue = [branch.trueChild]
                while let next = onTrue.popLast() {
                    if next == leaf { return expected(tree, branch.trueChild, known: known) }
                    if case .branch(let inner) = tree.nodes[next] {
                        onTrue += [inner.trueChild, inner.falseChild]
                    }
                }
                return expected(tree, branch.falseChild, known: known)
            }
            let parts = [branch.trueChild, branch.falseChild].map { child in
                expected(tree, child, known: known).map {
                    $0 * Double(tree.covers[child] / tree.covers[place])
                }
            }
            return zip(parts[0], parts[1]).map { $0 + $1 }
        }
    }
    func value(_ known: Int) -> [Double] {
        var sum = description.baseValues
        for tree in description.trees {
            for (target, part) in expected(tree, tree.root, known: known).enumerated() {
                sum[target] += part
            }
        }
        return sum
    }
    let factorial: [Double] = [1, 1, 2, 6, 24, 120]
    return (0..<description.targetCount).map { target in
        var result = [Double](repeating: 0, count: features + 1)
        result[features] = value(0)[target]
        for feature in 0..<features {
            for known in 0..<1 << features where known >> feature & 1 == 0 {
                let size = known.nonzeroBitCount
                let weight = factorial[size] * factorial[features - size - 1] / factorial[features]
                result[feature] +=
                    weight * (value(known | 1 << feature)[target] - value(known)[target])
            }
        }
        return result
    }
}

@Test(arguments: [true, false])
func contributionsAreTheShapleyValuesOfTheDefinition(oneTargetATree: Bool) throws {
    var random = SeededGenerator(8)
    for seed in 0..<6 {
        let description = forest(
            .float64, targets: 2, trees: 4, oneTargetATree: oneTargetATree,
            seed: UInt64(seed + 100))
        let forest = try Forest(description)
        #expect(forest.hasCovers)
        let row = (0..<4).map { _ in edges.randomElement(using: &random) ?? 0 }
        var y = [Double](repeating: .nan, count: 2 * 5)
        var target = y.mutableSpan
        KernelSet.best.forestContributions(forest, x: row.span, rows: 1, y: &target)
        let expected = shapley(description, row).flatMap { $0 }
        for (got, wanted) in zip(y, expected) { #expect(abs(got - wanted) < 1e-6) }
        let score = description.referenceScores(row)
        #expect(abs(y[0..<5].reduce(0, +) - score[0]) < 1e-9)
    }
}

@Test func coversMustBeOneANodeAndNumbers() {
    func reason(_ covers: [Float], strays: Int = 0) -> ForestError.Reason? {
        let branch = Node.branch(Branch(feature: 0, threshold: 0, trueChild: 1, falseChild: 2))
        let nodes = [branch, .leaf([]), .leaf([])]
        do {
            _ = try Forest(
                ForestDescription(
                    featureCount: 1, targetCount: 1,
                    trees: [.init(nodes: nodes, covers: covers, strayCount: strays)]))
            return nil
        } catch {
            return error.reason
        }
    }
    #expect(reason([]) == nil)
    #expect(reason([3, 1, 2]) == nil)
    #expect(reason([3, 1]) == .coverCount(2, nodes: 3))
    #expect(reason([3, 1, .nan]) == .coverNotANumber)
    #expect(reason([3, 1, -1]) == .coverNotANumber)
    #expect(reason([], strays: 1) == .strayCount(0, expected: 1))
}

@Test func categorySetsHoldWhatTheyAreGiven() {
    let set = CategorySet([0, 31, 32, 70], limit: 100)
    #expect(set?.words.count == 3)
    #expect((0..<120).filter { set?.contains($0) == true } == [0, 31, 32, 70])
    #expect(set?.contains(-1) == false)
    #expect(CategorySet([101], limit: 100) == nil)
    #expect(CategorySet([-1], limit: 100) == nil)
}
