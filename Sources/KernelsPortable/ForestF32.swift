import Primitives

/// How many traversals run interleaved, so that one waits for memory while another computes.
private let lanes = 8
/// Rows that go through one tree before the next: the tree stays in the cache.
private let rowBlock = 64

/// Scores of `rows` rows; every node, root and vote index is valid and every path ends in a leaf.
///
/// A row's votes are added in the order of the trees, whatever rows are computed beside it.
public func forestF32(
    nodes: UnsafePointer<ForestNode>, hasRules: Bool, roots: UnsafePointer<Int32>, trees: Int,
    voteStarts: UnsafePointer<Int32>, votes: UnsafePointer<ForestVote>, aggregate: ForestAggregate,
    base: UnsafePointer<Float>, targets: Int, x: UnsafePointer<Float>, rows: Int, features: Int,
    y: UnsafeMutablePointer<Float>
) {
    let tally = Tally(voteStarts: voteStarts, votes: votes, aggregate: aggregate, targets: targets)
    tally.open(y, rows: rows)
    var first = 0
    while first < rows {
        let end = min(first + rowBlock, rows)
        let wholeEnd = end - (end - first) % lanes
        for tree in 0..<trees {
            var row = first
            while row < wholeEnd {
                let starts = SIMD8<Int32>(repeating: roots[tree])
                let input = x + row * features
                let leaves =
                    hasRules
                    ? descendByRules(nodes, starts, input, features)
                    : descend(nodes, starts, input, features)
                for lane in 0..<lanes { tally.add(leaves[lane], to: y + (row + lane) * targets) }
                row += lanes
            }
        }
        for row in wholeEnd..<end {
            scoreRow(nodes, hasRules, roots, trees, tally, x + row * features, y + row * targets)
        }
        first = end
    }
    tally.close(y, rows: rows, trees: trees, base: base)
}

/// One row through all trees, eight trees at a time.
private func scoreRow(
    _ nodes: UnsafePointer<ForestNode>, _ hasRules: Bool, _ roots: UnsafePointer<Int32>,
    _ trees: Int, _ tally: Tally, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
) {
    var tree = 0
    while tree < trees {
        let count = min(lanes, trees - tree)
        var starts = SIMD8<Int32>(repeating: roots[tree])
        for lane in 0..<count { starts[lane] = roots[tree + lane] }
        let leaves =
            hasRules ? descendByRules(nodes, starts, x, 0) : descend(nodes, starts, x, 0)
        for lane in 0..<count { tally.add(leaves[lane], to: y) }
        tree += count
    }
}

/// Eight traversals by ≤; lane i reads the row at x + i · stride.
@inline(never)
private func descend(
    _ nodes: UnsafePointer<ForestNode>, _ starts: SIMD8<Int32>, _ x: UnsafePointer<Float>,
    _ stride: Int
) -> SIMD8<Int32> {
    var places = starts
    var steps: Int16
    repeat {
        steps = 0
        for lane in 0..<lanes {
            let node = nodes[Int(places[lane])]
            steps |= node.step
            if node.step != 0 {
                let passes = x[lane * stride + Int(node.feature)] <= node.threshold
                places[lane] = node.child + (passes ? 0 : 1)
            }
        }
    } while steps != 0
    return places
}

/// The same where a node may test = or let NaN pass.
@inline(never)
private func descendByRules(
    _ nodes: UnsafePointer<ForestNode>, _ starts: SIMD8<Int32>, _ x: UnsafePointer<Float>,
    _ stride: Int
) -> SIMD8<Int32> {
    var places = starts
    var steps: Int16
    repeat {
        steps = 0
        for lane in 0..<lanes {
            let node = nodes[Int(places[lane])]
            steps |= node.step
            if node.step != 0 {
                let value = x[lane * stride + Int(node.feature)]
                let holds =
                    node.rule.contains(.equal) ? value == node.threshold : value <= node.threshold
                let passes = holds || (value.isNaN && node.rule.contains(.missingPasses))
                places[lane] = node.child + (passes ? 0 : 1)
            }
        }
    } while steps != 0
    return places
}

/// Counts votes into scores.
private struct Tally {
    let voteStarts: UnsafePointer<Int32>
    let votes: UnsafePointer<ForestVote>
    let aggregate: ForestAggregate
    let targets: Int

    /// Scores before any vote. NaN marks a least or greatest vote not seen yet: no weight is NaN.
    func open(_ y: UnsafeMutablePointer<Float>, rows: Int) {
        let start: Float =
            switch aggregate {
            case .sum, .average: 0
            case .minimum, .maximum: .nan
            }
        y.update(repeating: start, count: rows * targets)
    }

    @inline(__always)
    func add(_ leaf: Int32, to scores: UnsafeMutablePointer<Float>) {
        let start = Int(voteStarts[Int(leaf)])
        let end = Int(voteStarts[Int(leaf) + 1])
        for index in start..<end {
            let vote = votes[index]
            let score = scores + Int(vote.target)
            switch aggregate {
            case .sum, .average: score.pointee += vote.weight
            case .minimum:
                if !(score.pointee <= vote.weight) { score.pointee = vote.weight }
            case .maximum:
                if !(score.pointee >= vote.weight) { score.pointee = vote.weight }
            }
        }
    }

    func close(
        _ y: UnsafeMutablePointer<Float>, rows: Int, trees: Int, base: UnsafePointer<Float>
    ) {
        for row in 0..<rows {
            for target in 0..<targets {
                let score = y + row * targets + target
                switch aggregate {
                case .sum: break
                case .average: if trees > 0 { score.pointee /= Float(trees) }
                case .minimum, .maximum: if score.pointee.isNaN { score.pointee = 0 }
                }
                score.pointee += base[target]
            }
        }
    }
}
