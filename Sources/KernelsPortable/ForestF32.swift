import Primitives

/// How many traversals run interleaved, so that one waits for memory while another computes.
private let lanes = 8
/// Rows that go through one tree before the next (the tree stays in the cache): as many as have their
/// scores in 1 KiB, which is what a temporary allocation may take from the stack. With many targets
/// that is fewer than eight; rows then go one by one, and only a row of more than 128 targets allocates.
private func rowBlock(targets: Int) -> Int {
    let fitting = 128 / targets
    return fitting >= lanes ? min(64, fitting / lanes * lanes) : max(1, fitting)
}

/// Scores of `rows` rows; every node, root and vote index is valid and every path ends in a leaf.
///
/// A row's votes are added in the order of the trees, whatever rows are computed beside it, and in
/// float64: a hundred votes of 0.01 come to 1, as the training library has it.
public func forestF32(
    nodes: UnsafePointer<ForestNode>, hasRules: Bool, roots: UnsafePointer<Int32>, trees: Int,
    voteStarts: UnsafePointer<Int32>, votes: UnsafePointer<ForestVote>, aggregate: ForestAggregate,
    base: UnsafePointer<Float>, targets: Int, x: UnsafePointer<Float>, rows: Int, features: Int,
    y: UnsafeMutablePointer<Float>
) {
    let tally = Tally(voteStarts: voteStarts, votes: votes, aggregate: aggregate, targets: targets)
    let descent = Descent(
        nodes: nodes, hasRules: hasRules, features: features, roots: roots, trees: trees)
    let block = rowBlock(targets: targets)
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * lanes) { places in
        withUnsafeTemporaryAllocation(of: Double.self, capacity: block * targets) { scratch in
            guard let starts = places.baseAddress, let scores = scratch.baseAddress else { return }
            for first in stride(from: 0, to: rows, by: block) {
                let count = min(block, rows - first)
                tally.open(scores, rows: count)
                descent.score(
                    x + first * features, rows: count, tally, scores, starts, starts + lanes)
                tally.close(
                    scores, rows: count, trees: trees, base: base, into: y + first * targets)
            }
        }
    }
}

/// Eight interleaved walks from roots to leaves.
private struct Descent {
    let nodes: UnsafePointer<ForestNode>
    let hasRules: Bool
    let features: Int
    let roots: UnsafePointer<Int32>
    let trees: Int

    /// Adds the votes of all trees for a block of rows.
    func score(
        _ x: UnsafePointer<Float>, rows: Int, _ tally: Tally,
        _ scores: UnsafeMutablePointer<Double>, _ starts: UnsafeMutablePointer<Int32>,
        _ leaves: UnsafeMutablePointer<Int32>
    ) {
        let targets = tally.targets
        let wholeEnd = rows - rows % lanes
        // Whole eights of rows, tree by tree.
        for tree in 0..<(wholeEnd > 0 ? trees : 0) {
            starts.update(repeating: roots[tree], count: lanes)
            for row in stride(from: 0, to: wholeEnd, by: lanes) {
                run(starts, x + row * features, stride: features, leaves)
                for lane in 0..<lanes {
                    tally.add(leaves[lane], to: scores + (row + lane) * targets)
                }
            }
        }
        // The other rows one by one, eight trees at a time.
        for row in wholeEnd..<rows {
            for tree in stride(from: 0, to: trees, by: lanes) {
                let count = min(lanes, trees - tree)
                for lane in 0..<lanes { starts[lane] = roots[tree + min(lane, count - 1)] }
                run(starts, x + row * features, stride: 0, leaves)
                for lane in 0..<count { tally.add(leaves[lane], to: scores + row * targets) }
            }
        }
    }

    /// Walk i starts at starts[i], reads the row at x + i · stride and ends at leaves[i].
    @inline(__always)
    func run(
        _ starts: UnsafePointer<Int32>, _ x: UnsafePointer<Float>, stride: Int,
        _ leaves: UnsafeMutablePointer<Int32>
    ) {
        // Without features every tree is a leaf, and there is nothing to read.
        if features == 0 {
            leaves.update(from: starts, count: lanes)
        } else if hasRules {
            descendByRules(nodes, starts, x, stride, leaves)
        } else {
            descend(nodes, starts, x, stride, leaves)
        }
    }
}

/// Eight walks by ≤ alone. Those that arrived stay where they are: a leaf leads to itself.
@inline(never)
private func descend(
    _ nodes: UnsafePointer<ForestNode>, _ starts: UnsafePointer<Int32>, _ x: UnsafePointer<Float>,
    _ stride: Int, _ leaves: UnsafeMutablePointer<Int32>
) {
    @inline(__always)
    func step(_ place: inout Int32, _ x: UnsafePointer<Float>) -> Int16 {
        let node = nodes + Int(place)
        let passes = bit(x[Int(node.pointee.feature)] <= node.pointee.threshold)
        place = node.pointee.child &+ (Int32(node.pointee.step) & (passes &- 1))
        return node.pointee.step
    }
    walk(starts, x, stride, leaves, step)
}

/// The same where a node may test = or let NaN pass.
@inline(never)
private func descendByRules(
    _ nodes: UnsafePointer<ForestNode>, _ starts: UnsafePointer<Int32>, _ x: UnsafePointer<Float>,
    _ stride: Int, _ leaves: UnsafeMutablePointer<Int32>
) {
    @inline(__always)
    func step(_ place: inout Int32, _ x: UnsafePointer<Float>) -> Int16 {
        let node = nodes + Int(place)
        let value = x[Int(node.pointee.feature)]
        let threshold = node.pointee.threshold
        let rule = node.pointee.rule
        // By masks instead of branches: where a row goes cannot be predicted.
        let isEqualTest = bit(rule.contains(.equal))
        let holds =
            (isEqualTest & bit(value == threshold)) | (~isEqualTest & bit(value <= threshold))
        let passes = holds | (bit(value != value) & bit(rule.contains(.missingPasses)))
        place = node.pointee.child &+ (Int32(node.pointee.step) & (passes &- 1))
        return node.pointee.step
    }
    walk(starts, x, stride, leaves, step)
}

@inline(__always)
private func bit(_ condition: Bool) -> Int32 { condition ? 1 : 0 }

/// Steps all eight walks until none moves. Eight names instead of an array keep them in registers.
@inline(__always)
private func walk(
    _ starts: UnsafePointer<Int32>, _ x: UnsafePointer<Float>, _ stride: Int,
    _ leaves: UnsafeMutablePointer<Int32>,
    _ step: (inout Int32, UnsafePointer<Float>) -> Int16
) {
    var (p0, p1, p2, p3) = (starts[0], starts[1], starts[2], starts[3])
    var (p4, p5, p6, p7) = (starts[4], starts[5], starts[6], starts[7])
    let y = x + 4 * stride
    var moves: Int16
    repeat {
        moves = step(&p0, x) | step(&p1, x + stride)
        moves |= step(&p2, x + 2 * stride) | step(&p3, x + 3 * stride)
        moves |= step(&p4, y) | step(&p5, y + stride)
        moves |= step(&p6, y + 2 * stride) | step(&p7, y + 3 * stride)
    } while moves != 0
    (leaves[0], leaves[1], leaves[2], leaves[3]) = (p0, p1, p2, p3)
    (leaves[4], leaves[5], leaves[6], leaves[7]) = (p4, p5, p6, p7)
}

/// Counts votes into scores.
private struct Tally {
    let voteStarts: UnsafePointer<Int32>
    let votes: UnsafePointer<ForestVote>
    let aggregate: ForestAggregate
    let targets: Int

    /// Scores before any vote. NaN marks a least or greatest vote not seen yet: no weight is NaN.
    func open(_ y: UnsafeMutablePointer<Double>, rows: Int) {
        let start: Double =
            switch aggregate {
            case .sum, .average: 0
            case .minimum, .maximum: .nan
            }
        y.update(repeating: start, count: rows * targets)
    }

    @inline(__always)
    func add(_ leaf: Int32, to scores: UnsafeMutablePointer<Double>) {
        let start = Int(voteStarts[Int(leaf)])
        let end = Int(voteStarts[Int(leaf) + 1])
        for index in start..<end {
            let vote = votes[index]
            let weight = Double(vote.weight)
            let score = scores + Int(vote.target)
            switch aggregate {
            case .sum, .average: score.pointee += weight
            case .minimum:
                if !(score.pointee <= weight) { score.pointee = weight }
            case .maximum:
                if !(score.pointee >= weight) { score.pointee = weight }
            }
        }
    }

    func close(
        _ scores: UnsafePointer<Double>, rows: Int, trees: Int, base: UnsafePointer<Float>,
        into y: UnsafeMutablePointer<Float>
    ) {
        for index in 0..<rows * targets {
            var score = scores[index]
            switch aggregate {
            case .sum: break
            case .average: if trees > 0 { score /= Double(trees) }
            case .minimum, .maximum: if score.isNaN { score = 0 }
            }
            y[index] = Float(score + Double(base[index % targets]))
        }
    }
}
