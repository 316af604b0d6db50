import Primitives

/// What each feature contributes to each score of a row: path-dependent TreeSHAP (Lundberg, Erion,
/// Lee, "Consistent individualized feature attribution for tree ensembles", 2018, algorithm 2).
///
/// y[r, t, f] for f below `features`, and behind them the expected score. `covers` has one entry a
/// node, `expected` one a target, and `path` room for (d + 2)(d + 3) / 2 elements, where d is the
/// depth of the forest.
/// - Cost: leaves · d² a row.
public func forestContributionsF32(
    _ forest: ForestTables<Float>, covers: UnsafePointer<Float>, expected: UnsafePointer<Double>,
    path: UnsafeMutablePointer<PathElement>, x: UnsafePointer<Float>, rows: Int, features: Int,
    y: UnsafeMutablePointer<Float>, sums: UnsafeMutablePointer<Double>
) {
    forestContributions(forest, covers, expected, path, x, rows, features, y, sums)
}

/// The same, compared in float64.
public func forestContributionsF64(
    _ forest: ForestTables<Double>, covers: UnsafePointer<Float>, expected: UnsafePointer<Double>,
    path: UnsafeMutablePointer<PathElement>, x: UnsafePointer<Double>, rows: Int, features: Int,
    y: UnsafeMutablePointer<Double>, sums: UnsafeMutablePointer<Double>
) {
    forestContributions(forest, covers, expected, path, x, rows, features, y, sums)
}

/// One feature on the way to a leaf.
public struct PathElement: BitwiseCopyable {
    /// -1 for the root, which is no feature.
    var feature: Int32
    /// Of the paths without, and with, this feature's value, the part that flows on.
    var zero, one: Double
    /// The weight of all subsets of this size.
    var weight: Double
}

private func forestContributions<Value: ForestValue>(
    _ forest: ForestTables<Value>, _ covers: UnsafePointer<Float>,
    _ expected: UnsafePointer<Double>, _ path: UnsafeMutablePointer<PathElement>,
    _ x: UnsafePointer<Value>, _ rows: Int, _ features: Int, _ y: UnsafeMutablePointer<Value>,
    _ sums: UnsafeMutablePointer<Double>
) {
    let width = features + 1
    let divisor = forest.aggregate == .average ? Double(max(forest.trees, 1)) : 1
    for row in 0..<rows {
        sums.update(repeating: 0, count: forest.targets * width)
        for target in 0..<forest.targets {
            sums[target * width + features] = expected[target]
        }
        let explainer = TreeExplainer(
            forest: forest, covers: covers, x: x + row * features, sums: sums, width: width)
        for tree in 0..<forest.trees {
            explainer.visit(
                forest.roots[tree], tree: tree, path: path, length: 0, zero: 1, one: 1, feature: -1)
        }
        let result = y + row * forest.targets * width
        for index in 0..<forest.targets * width {
            // What is expected is an average already.
            let isExpected = index % width == features
            result[index] = Value(rounding: isExpected ? sums[index] : sums[index] / divisor)
        }
    }
}

/// Walks one tree for one row.
private struct TreeExplainer<Value: ForestValue> {
    let forest: ForestTables<Value>
    let covers: UnsafePointer<Float>
    let x: UnsafePointer<Value>
    let sums: UnsafeMutablePointer<Double>
    let width: Int

    /// Goes to a node with the path of its parent, `length` long and lying in front of `path`.
    func visit(
        _ place: Int32, tree: Int, path parent: UnsafeMutablePointer<PathElement>, length: Int,
        zero: Double, one: Double, feature: Int32
    ) {
        // A copy: what is below here must not change what the sibling sees.
        let path = parent + length
        path.update(from: parent, count: length)
        extend(path, length, zero: zero, one: one, feature: feature)
        let node = forest.nodes + Int(place)
        if node.pointee.step == 0 {
            addLeaf(place, tree: tree, path, length + 1)
            return
        }
        let split = node.pointee.feature
        let passes = takesTrue(x[Int(split)], node, forest.sets)
        let hot = node.pointee.child + (passes ? 0 : 1)
        let cold = node.pointee.child + (passes ? 1 : 0)
        let cover = Double(covers[Int(place)])
        let hotPart = cover > 0 ? Double(covers[Int(hot)]) / cover : 0
        let coldPart = cover > 0 ? Double(covers[Int(cold)]) / cover : 0
        // A feature that is on the path already is taken out and put back with both parts.
        var (incomingZero, incomingOne) = (1.0, 1.0)
        var count = length + 1
        for index in 1..<max(count, 1) where path[index].feature == split {
            (incomingZero, incomingOne) = (path[index].zero, path[index].one)
            unwind(path, count, index)
            count -= 1
            break
        }
        visit(
            hot, tree: tree, path: path, length: count, zero: hotPart * incomingZero,
            one: incomingOne, feature: split)
        visit(
            cold, tree: tree, path: path, length: count, zero: coldPart * incomingZero, one: 0,
            feature: split)
    }

    private func addLeaf(
        _ leaf: Int32, tree: Int, _ path: UnsafeMutablePointer<PathElement>, _ count: Int
    ) {
        for index in 1..<max(count, 1) {
            let element = path[index]
            let share = unwoundSum(path, count, index) * (element.one - element.zero)
            let sum = sums + Int(element.feature)
            if let targets = forest.treeTargets {
                let weight = forest.nodes[Int(leaf)].threshold.wide
                sum[Int(targets[tree]) * width] += share * weight
                continue
            }
            for vote in Int(forest.voteStarts[Int(leaf)])..<Int(forest.voteStarts[Int(leaf) + 1]) {
                sum[Int(forest.votes[vote].target) * width] += share * forest.votes[vote].weight
            }
        }
    }

    /// Algorithm 2's EXTEND: grows the subsets of the first `count` elements by one more.
    private func extend(
        _ path: UnsafeMutablePointer<PathElement>, _ count: Int, zero: Double, one: Double,
        feature: Int32
    ) {
        path[count] = PathElement(
            feature: feature, zero: zero, one: one, weight: count == 0 ? 1 : 0)
        let size = Double(count + 1)
        for index in stride(from: count - 1, through: 0, by: -1) {
            let weight = path[index].weight
            path[index + 1].weight += one * weight * Double(index + 1) / size
            path[index].weight = zero * weight * Double(count - index) / size
        }
    }

    /// UNWIND: takes an element out of the first `count`.
    private func unwind(
        _ path: UnsafeMutablePointer<PathElement>, _ count: Int, _ removed: Int
    ) {
        let last = count - 1
        let (zero, one) = (path[removed].zero, path[removed].one)
        var next = path[last].weight
        let size = Double(count)
        for index in stride(from: last - 1, through: 0, by: -1) {
            if one != 0 {
                let weight = path[index].weight
                path[index].weight = next * size / (Double(index + 1) * one)
                next = weight - path[index].weight * zero * Double(last - index) / size
            } else if zero != 0 {
                path[index].weight = path[index].weight * size / (zero * Double(last - index))
            }
        }
        for index in removed..<last {
            path[index].feature = path[index + 1].feature
            path[index].zero = path[index + 1].zero
            path[index].one = path[index + 1].one
        }
    }

    /// The sum of the weights that would be left after UNWIND of an element.
    private func unwoundSum(
        _ path: UnsafeMutablePointer<PathElement>, _ count: Int, _ removed: Int
    ) -> Double {
        let last = count - 1
        let (zero, one) = (path[removed].zero, path[removed].one)
        var next = path[last].weight
        let size = Double(count)
        var total = 0.0
        for index in stride(from: last - 1, through: 0, by: -1) {
            if one != 0 {
                let part = next * size / (Double(index + 1) * one)
                total += part
                next = path[index].weight - part * zero * Double(last - index) / size
            } else if zero != 0 {
                total += path[index].weight * size / (zero * Double(last - index))
            }
        }
        return total
    }
}
