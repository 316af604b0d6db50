import Primitives

/// Adds the votes of all trees for whole eights of rows without NaN, by bit vectors: every branch of a
/// tree is tested, and one that fails strikes out the leaves on its left; the first leaf left is the
/// one that the row reaches (Lucchese and others, "QuickScorer", SIGIR 2015). Eight rows go through
/// a branch at once, and no step depends on the one before it.
///
/// `columns` has room for 8 values of each feature the trees test, at most `bitFeaturesMax`.
@inline(__always)
func scoreBits(
    _ forest: ForestTables<Float>, _ bits: BitTrees, _ x: UnsafePointer<Float>, rows: Int,
    features: Int, _ scores: UnsafeMutablePointer<Double>, _ targets: UnsafePointer<Int32>,
    _ columns: UnsafeMutablePointer<Float>
) {
    for row in stride(from: 0, to: rows, by: lanes) {
        let input = x + row * features
        for slot in 0..<bits.featureCount {
            let source = input + Int(bits.features[slot])
            let column = columns + slot * lanes
            for lane in 0..<lanes { column[lane] = source[lane * features] }
        }
        for tree in 0..<forest.trees {
            let first = Int(bits.starts[tree])
            let end = Int(bits.starts[tree + 1])
            var left = SIMD8<UInt32>(repeating: .max)
            for index in first..<end {
                let node = bits.nodes + index
                let value = load(columns + Int(node.pointee.column))
                let fails = value .> F8(repeating: node.pointee.threshold)
                let struck = left & SIMD8(repeating: node.pointee.mask)
                left.replace(with: struck, where: fails)
            }
            // A tree's leaves: one more than its branches.
            let leaves = bits.leaves + (first + tree)
            let target = scores + row * forest.targets + Int(targets[tree])
            for lane in 0..<lanes {
                target[lane * forest.targets] +=
                    Double(leaves[left[lane].trailingZeroBitCount])
            }
        }
    }
}
