import Kernels
import Primitives
import Testing

private typealias Node = ForestDescription.Node
private typealias Branch = ForestDescription.Branch

/// A random tree of at most `depth` levels; values and thresholds meet often.
private func randomTree(
    depth: Int, _ description: ForestDescription, comparisons: [ForestDescription.Comparison],
    missing: Bool, _ random: inout SeededGenerator
) -> ForestDescription.Tree {
    var nodes: [Node] = []
    func grow(_ depth: Int) -> Int {
        let place = nodes.count
        nodes.append(.leaf([]))
        if depth == 0 || Int.random(in: 0..<6, using: &random) == 0 {
            let votes = (0..<Int.random(in: 0...2, using: &random)).map { _ in
                ForestVote(
                    target: Int32.random(in: 0..<Int32(description.targetCount), using: &random),
                    weight: Double.random(in: -1...1, using: &random))
            }
            nodes[place] = .leaf(votes)
            return place
        }
        let thresholds: [Double] = [-.infinity, -1, 0, 0.5, 1, 2, .infinity]
        var branch = Branch(
            feature: Int.random(in: 0..<description.featureCount, using: &random),
            comparison: comparisons.randomElement(using: &random) ?? .lessOrEqual,
            threshold: thresholds.randomElement(using: &random) ?? 0, trueChild: 0, falseChild: 0,
            missingGoesTrue: missing && Bool.random(using: &random))
        branch.trueChild = grow(depth - 1)
        branch.falseChild = grow(depth - 1)
        nodes[place] = .branch(branch)
        return place
    }
    let root = grow(depth)
    return ForestDescription.Tree(nodes: nodes, root: root)
}

private func scores(_ kernels: KernelSet, _ forest: Forest, _ x: [Float], rows: Int) -> [Float] {
    var y = [Float](repeating: .nan, count: rows * forest.targetCount)
    var target = y.mutableSpan
    kernels.forestScores(
        forest, x: x.span, rows: rows, features: forest.featureCount, y: &target)
    return y
}

private func scores(_ kernels: KernelSet, _ forest: Forest, _ x: [Double], rows: Int) -> [Double] {
    var y = [Double](repeating: .nan, count: rows * forest.targetCount)
    var target = y.mutableSpan
    kernels.forestScores(
        forest, x: x.span, rows: rows, features: forest.featureCount, y: &target)
    return y
}

@Test(arguments: KernelSet.all, ForestAggregate.allCases)
func forestAgreesWithItsDescriptionBitForBit(
    kernels: KernelSet, aggregate: ForestAggregate
) throws {
    var random = SeededGenerator(15)
    let values: [Float] = [
        -.infinity, -2, -1, -0.0, 0, 0.25, 0.5, 1, 1.5, 2, 3, .infinity, .nan,
        Float(0.5).nextDown, Float(1).nextUp, -.leastNonzeroMagnitude,
    ]
    let choices: [[ForestDescription.Comparison]] =
        [[.lessOrEqual]] + ForestDescription.Comparison.allCases.map { [$0] }
        + [ForestDescription.Comparison.allCases]
    for comparisons in choices {
        for missing in [false, true] {
            for treeCount in [0, 1, 7, 8, 9, 20] {
                var description = ForestDescription(
                    featureCount: 5, targetCount: 3, aggregate: aggregate,
                    baseValues: treeCount == 9 ? [0.5, -1, 2] : [])
                for _ in 0..<treeCount {
                    description.trees.append(
                        randomTree(
                            depth: 6, description, comparisons: comparisons, missing: missing,
                            &random))
                }
                let forest = try Forest(description)
                let rows = Int.random(in: 1...150, using: &random)
                let x = (0..<rows * 5).map { _ in values.randomElement(using: &random) ?? 0 }
                let batch = scores(kernels, forest, x, rows: rows)
                for row in 0..<rows {
                    let input = Array(x[row * 5..<(row + 1) * 5])
                    let result = batch[row * 3..<(row + 1) * 3]
                    let expected = description.referenceScores(input.map { Double($0) })
                    #expect(bits(expected.map { Float($0) + 0 }) == bits(result.map { $0 + 0 }))
                    #expect(bits(scores(kernels, forest, input, rows: 1)) == bits(result))
                }
            }
        }
    }
}

/// From one row of scores in the scratch memory to none.
@Test(arguments: KernelSet.all, [1, 16, 17, 100, 128, 129, 400])
func forestsOfManyTargetsKeepTheirRowsApart(kernels: KernelSet, targets: Int) throws {
    var random = SeededGenerator(16)
    var description = ForestDescription(featureCount: 3, targetCount: targets)
    for _ in 0..<11 {
        description.trees.append(
            randomTree(
                depth: 5, description, comparisons: [.lessOrEqual], missing: false, &random))
    }
    let forest = try Forest(description)
    for rows in [1, 7, 8, 9, 70] {
        let x = random.floats(rows * 3, in: -2...2)
        let expected = (0..<rows).flatMap {
            description.referenceScores(x[$0 * 3..<($0 + 1) * 3].map { Double($0) })
                .map { Float($0) }
        }
        #expect(scores(kernels, forest, x, rows: rows) == expected)
    }
}

@Test func aForestOfDepthAMillionIsLaidOutAndRun() throws {
    let depth = 1_000_000
    var nodes: [Node] = []
    nodes.reserveCapacity(2 * depth + 1)
    for level in 0..<depth {
        nodes.append(
            .branch(
                Branch(
                    feature: 0, threshold: Double(level), trueChild: 2 * level + 1,
                    falseChild: 2 * level + 2)))
        nodes.append(.leaf([ForestVote(target: 0, weight: Double(level))]))
    }
    nodes.append(.leaf([ForestVote(target: 0, weight: -1)]))
    let forest = try Forest(
        ForestDescription(featureCount: 1, targetCount: 1, trees: [.init(nodes: nodes)]))
    #expect(scores(.best, forest, [0, 500, 2e6] as [Float], rows: 3) == [0, 500, -1])
}

private func refusal(_ nodes: [Node], root: Int = 0) -> ForestError? {
    let good = ForestDescription.Tree(nodes: [.leaf([])])
    let description = ForestDescription(
        featureCount: 2, targetCount: 2, trees: [good, .init(nodes: nodes, root: root)])
    do {
        _ = try Forest(description)
        return nil
    } catch {
        return error
    }
}

@Test func hostileTreesAreRefusedByName() {
    let leaf = Node.leaf([])
    func branch(_ yes: Int, _ no: Int, feature: Int = 0, threshold: Double = 0) -> Node {
        .branch(Branch(feature: feature, threshold: threshold, trueChild: yes, falseChild: no))
    }
    let cases: [([Node], ForestError)] = [
        ([], ForestError(tree: 1, .rootOutOfRange(0, nodes: 0))),
        ([branch(0, 1), leaf], ForestError(tree: 1, node: 0, .reachedTwice)),
        ([branch(1, 1), leaf], ForestError(tree: 1, node: 1, .reachedTwice)),
        (
            [branch(1, 2), branch(3, 4), leaf, branch(1, 4), leaf],
            ForestError(tree: 1, node: 1, .reachedTwice)
        ),
        ([branch(1, 3), leaf, leaf], ForestError(tree: 1, node: 0, .childOutOfRange(3, nodes: 3))),
        ([branch(-1, 1), leaf], ForestError(tree: 1, node: 0, .childOutOfRange(-1, nodes: 2))),
        (
            [branch(.max, .min), leaf],
            ForestError(tree: 1, node: 0, .childOutOfRange(.max, nodes: 2))
        ),
        ([leaf, leaf], ForestError(tree: 1, node: 1, .unreachable)),
        (
            [branch(1, 2, feature: 2), leaf, leaf],
            ForestError(tree: 1, node: 0, .featureOutOfRange(2, features: 2))
        ),
        (
            [branch(1, 2, threshold: .nan), leaf, leaf],
            ForestError(tree: 1, node: 0, .thresholdNotANumber)
        ),
        (
            [.leaf([ForestVote(target: 2, weight: 0)])],
            ForestError(tree: 1, node: 0, .targetOutOfRange(2, targets: 2))
        ),
        (
            [.leaf([ForestVote(target: 0, weight: .nan)])],
            ForestError(tree: 1, node: 0, .weightNotANumber)
        ),
    ]
    for (nodes, expected) in cases { #expect(refusal(nodes) == expected) }
    #expect(refusal([leaf], root: 1) == ForestError(tree: 1, .rootOutOfRange(1, nodes: 1)))
    #expect(
        "\(ForestError(tree: 3, node: 7, .unreachable))"
            == "tree 3, node 7: no path from the root leads here")
}

@Test func absurdForestCountsAreRefused() {
    func reason(_ features: Int, _ targets: Int, base: [Double] = []) -> ForestError.Reason? {
        do {
            _ = try Forest(
                ForestDescription(featureCount: features, targetCount: targets, baseValues: base))
            return nil
        } catch {
            return error.reason
        }
    }
    #expect(reason(-1, 1) == .featureCountOutOfRange(-1))
    #expect(reason(.max, 1) == .featureCountOutOfRange(.max))
    #expect(reason(1, 0) == .targetCountOutOfRange(0))
    #expect(reason(1, .max) == .targetCountOutOfRange(.max))
    #expect(reason(1, 2, base: [1]) == .baseValueCount(1, targets: 2))
    #expect(reason(1, 2, base: [1, 2]) == nil)
}
