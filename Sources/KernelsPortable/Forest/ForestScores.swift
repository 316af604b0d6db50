import Primitives

/// Rows that go through one tree before the next (the tree stays in the cache): as many as have their
/// scores in 1 KiB, which is what a temporary allocation may take from the stack. With many targets
/// that is fewer than eight; rows then go one by one, and only a row of more than 128 targets allocates.
private func rowBlock(targets: Int) -> Int {
    let fitting = 128 / targets
    return fitting >= lanes ? min(64, fitting / lanes * lanes) : max(1, fitting)
}

/// Scores of `rows` rows, compared in float32.
///
/// A row's votes are added in the order of the trees, whatever rows are computed beside it, and in
/// float64: a hundred votes of 0.01 come to 1, as the training library has it.
public func forestF32(
    _ forest: ForestTables<Float>, x: UnsafePointer<Float>, rows: Int, features: Int,
    y: UnsafeMutablePointer<Float>
) {
    let done = forest.ranks.map { scoreRanks(forest, $0, x, rows, features, y) } ?? 0
    forestScores(
        forest, x + done * features, rows - done, features, y + done * forest.targets
    ) { bits, x, rows, scores, targets in
        scoreAllBits(forest, bits, x, rows, features, scores, targets)
    }
}

/// The same, compared in float64.
public func forestF64(
    _ forest: ForestTables<Double>, x: UnsafePointer<Double>, rows: Int, features: Int,
    y: UnsafeMutablePointer<Double>
) {
    let done = forest.ranks.map { scoreRanks(forest, $0, x, rows, features, y) } ?? 0
    forestScores(
        forest, x + done * features, rows - done, features, y + done * forest.targets
    ) { _, _, _, _, _ in
        preconditionFailure("bit vectors are made for float32 only")
    }
}

@inline(__always)
private func forestScores<Value: ForestValue>(
    _ forest: ForestTables<Value>, _ x: UnsafePointer<Value>, _ rows: Int, _ features: Int,
    _ y: UnsafeMutablePointer<Value>,
    _ scoreBits: (
        BitTrees, UnsafePointer<Value>, Int, UnsafeMutablePointer<Double>, UnsafePointer<Int32>
    ) -> Void
) {
    let tally = Tally(forest)
    let targets = forest.targets
    let block = rowBlock(targets: targets)
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * lanes) { places in
        withUnsafeTemporaryAllocation(of: Double.self, capacity: block * targets) { scratch in
            guard let starts = places.baseAddress, let scores = scratch.baseAddress else { return }
            for first in stride(from: 0, to: rows, by: block) {
                let count = min(block, rows - first)
                let input = x + first * features
                tally.open(scores, rows: count)
                scoreBlock(forest, tally, input, count, features, scores, starts) {
                    scoreBits($0, input, $1, scores, $2)
                }
                tally.close(scores, rows: count, into: y + first * targets)
            }
        }
    }
}

/// Adds the votes of all trees for a block of rows, in the layout that is fastest for it.
@inline(__always)
private func scoreBlock<Value: ForestValue>(
    _ forest: ForestTables<Value>, _ tally: Tally<Value>, _ x: UnsafePointer<Value>, _ rows: Int,
    _ features: Int, _ scores: UnsafeMutablePointer<Double>,
    _ places: UnsafeMutablePointer<Int32>,
    _ scoreBits: (BitTrees, Int, UnsafePointer<Int32>) -> Void
) {
    let hasOthers =
        forest.bits != nil || forest.completeForRows != nil || forest.completeForRow != nil
    guard hasOthers, let targets = forest.treeTargets, !holdsNaN(x, count: rows * features) else {
        let descent = Descent(forest, x, rows: rows, features: features)
        score(descent, x, rows, tally, scores, places)
        return
    }
    var done = 0
    let whole = rows - rows % lanes
    if whole > 0, let bits = forest.bits {
        scoreBits(bits, whole, targets)
        done = whole
    } else if whole > 0, let complete = forest.completeForRows {
        scoreComplete(
            forest, complete, x, rows: whole, features: features, scores, targets)
        done = whole
    } else if whole > 0 {
        let descent = Descent(forest, x, rows: whole, features: features)
        score(descent, x, whole, tally, scores, places)
        done = whole
    }
    guard done < rows else { return }
    let (rest, input) = (rows - done, x + done * features)
    let target = scores + done * forest.targets
    if let complete = forest.completeForRow {
        scoreComplete(
            forest, complete, input, rows: rest, features: features, target, targets)
    } else {
        let descent = Descent(forest, input, rows: rest, features: features)
        score(descent, input, rest, tally, target, places)
    }
}

/// Bit vectors, with room for the columns of eight rows on the stack.
@inline(never)
private func scoreAllBits(
    _ forest: ForestTables<Float>, _ bits: BitTrees, _ x: UnsafePointer<Float>, _ rows: Int,
    _ features: Int, _ scores: UnsafeMutablePointer<Double>, _ targets: UnsafePointer<Int32>
) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: BitTrees.featuresMax * lanes) {
        guard let columns = $0.baseAddress else { return }
        scoreBits(
            forest, bits, x, rows: rows, features: features, scores, targets, columns)
    }
}

/// Adds the votes of all trees for a block of rows. `places` has room for 2 × 8 nodes.
@inline(__always)
private func score<Value: ForestValue>(
    _ descent: Descent<Value>, _ x: UnsafePointer<Value>, _ rows: Int, _ tally: Tally<Value>,
    _ scores: UnsafeMutablePointer<Double>, _ places: UnsafeMutablePointer<Int32>
) {
    let (targets, trees, features) = (tally.forest.targets, tally.forest.trees, descent.features)
    let roots = tally.forest.roots
    let leaves = places + lanes
    let wholeEnd = rows - rows % lanes
    // Whole eights of rows, tree by tree.
    for tree in 0..<(wholeEnd > 0 ? trees : 0) {
        places.update(repeating: roots[tree], count: lanes)
        for row in stride(from: 0, to: wholeEnd, by: lanes) {
            descent.run(places, x + row * features, stride: features, leaves)
            for lane in 0..<lanes {
                tally.add(leaves[lane], tree: tree, to: scores + (row + lane) * targets)
            }
        }
    }
    // The other rows one by one, eight trees at a time.
    for row in wholeEnd..<rows {
        for tree in stride(from: 0, to: trees, by: lanes) {
            let count = min(lanes, trees - tree)
            for lane in 0..<lanes { places[lane] = roots[tree + min(lane, count - 1)] }
            descent.run(places, x + row * features, stride: 0, leaves)
            for lane in 0..<count {
                tally.add(leaves[lane], tree: tree + lane, to: scores + row * targets)
            }
        }
    }
}

/// Counts votes into scores.
private struct Tally<Value: ForestValue> {
    let forest: ForestTables<Value>

    @inline(__always)
    init(_ forest: ForestTables<Value>) { self.forest = forest }

    /// Scores before any vote. NaN marks a least or greatest vote not seen yet: no weight is NaN.
    @inline(__always)
    func open(_ y: UnsafeMutablePointer<Double>, rows: Int) {
        let start: Double =
            switch forest.aggregate {
            case .sum, .average: 0
            case .minimum, .maximum: .nan
            }
        y.update(repeating: start, count: rows * forest.targets)
    }

    @inline(__always)
    func add(_ leaf: Int32, tree: Int, to scores: UnsafeMutablePointer<Double>) {
        if let targets = forest.treeTargets {
            scores[Int(targets[tree])] += forest.nodes[Int(leaf)].threshold.wide
            return
        }
        let start = Int(forest.voteStarts[Int(leaf)])
        let end = Int(forest.voteStarts[Int(leaf) + 1])
        for index in start..<end {
            let vote = forest.votes[index]
            let score = scores + Int(vote.target)
            switch forest.aggregate {
            case .sum, .average: score.pointee += vote.weight
            case .minimum:
                if !(score.pointee <= vote.weight) { score.pointee = vote.weight }
            case .maximum:
                if !(score.pointee >= vote.weight) { score.pointee = vote.weight }
            }
        }
    }

    @inline(__always)
    func close(
        _ scores: UnsafePointer<Double>, rows: Int, into y: UnsafeMutablePointer<Value>
    ) {
        for index in 0..<rows * forest.targets {
            var score = scores[index]
            switch forest.aggregate {
            case .sum: break
            case .average: if forest.trees > 0 { score /= Double(forest.trees) }
            case .minimum, .maximum: if score.isNaN { score = 0 }
            }
            y[index] = Value(rounding: score + forest.base[index % forest.targets])
        }
    }
}
