import Primitives

/// The leaf that each row reaches in each tree, as an index into the nodes; compared in float32.
public func forestLeavesF32(
    _ forest: ForestTables<Float>, x: UnsafePointer<Float>, rows: Int, features: Int,
    leaves: UnsafeMutablePointer<Int32>
) {
    forestLeaves(forest, x, rows, features, leaves)
}

/// The same, compared in float64.
public func forestLeavesF64(
    _ forest: ForestTables<Double>, x: UnsafePointer<Double>, rows: Int, features: Int,
    leaves: UnsafeMutablePointer<Int32>
) {
    forestLeaves(forest, x, rows, features, leaves)
}

/// Row by row, eight trees at a time.
@inline(__always)
private func forestLeaves<Value: ForestValue>(
    _ forest: ForestTables<Value>, _ x: UnsafePointer<Value>, _ rows: Int, _ features: Int,
    _ leaves: UnsafeMutablePointer<Int32>
) {
    let trees = forest.trees
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * lanes) { places in
        guard let starts = places.baseAddress else { return }
        for row in 0..<rows {
            let input = x + row * features
            let descent = Descent(forest, input, rows: 1, features: features)
            for tree in stride(from: 0, to: trees, by: lanes) {
                let count = min(lanes, trees - tree)
                for lane in 0..<lanes { starts[lane] = forest.roots[tree + min(lane, count - 1)] }
                descent.run(starts, input, stride: 0, starts + lanes)
                (leaves + row * trees + tree).update(from: starts + lanes, count: count)
            }
        }
    }
}
