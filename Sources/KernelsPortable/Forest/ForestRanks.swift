import Primitives

/// Memory of the rank kernel, in blocks of 64 bytes: columns and slots (as many as `RankTrees` allows),
/// the leaves that the rows of a block reach in some trees, and the rows' sums.
private enum RankMemory {
    static let columns = 96
    static let slots = 128
    /// Trees whose leaves are found before they are added up, with the sums in registers.
    static let trees = 16
    /// 64 sums in float64.
    static let sums = 8
}

/// All of them, on the stack.
private typealias RankStorage = InlineArray<248, SIMD64<Int8>>

/// Scores of whole blocks by ranks, and the number of rows that were computed: all but a last block
/// that other layouts do faster.
///
/// Every target's leaves are added in the order of the trees, in float64, as everywhere.
/// The method is that of bit-vector scoring turned round: instead of striking out leaves (Ye and
/// others, "RapidScorer", KDD 2018, from where the bytes of many rows a branch are), each branch picks
/// the leaf's number from its left or its right side, from below upwards.
/// - Cost: for 64 rows, 4 vector instructions of 32 bytes a branch, two loads and an addition a tree
///   and row, and a search in two steps a feature and row; the same whatever way rows go.
@inline(never)
func scoreRanks<Value: RankValue>(
    _ forest: ForestTables<Value>, _ ranks: RankTrees<Value>, _ x: UnsafePointer<Value>,
    _ rows: Int, _ features: Int, _ y: UnsafeMutablePointer<Value>
) -> Int {
    guard rows >= ranks.rowsMin else { return 0 }
    var storage = RankStorage(repeating: SIMD64())
    var span = storage.mutableSpan
    return span.withUnsafeMutableBytes { bytes in
        guard let memory = bytes.baseAddress else { return 0 }
        let block = RankBlock(memory)
        for index in 0..<ranks.constants {
            block.slots.storeBytes(
                of: SIMD64(repeating: Int8(truncatingIfNeeded: index)), toByteOffset: 64 * index,
                as: SIMD64<Int8>.self)
        }
        var done = 0
        while rows - done >= ranks.rowsMin {
            let count = min(64, rows - done)
            let input = x + done * features
            block.rank(input, count, features, ranks)
            block.score(forest, ranks, count, y + done * forest.targets)
            done += count
        }
        return done
    }
}

/// Sixty-four rows in the memory of the kernel.
private struct RankBlock {
    let columns, slots, leaves: UnsafeMutableRawPointer
    let sums: UnsafeMutablePointer<Double>

    @inline(__always)
    init(_ memory: UnsafeMutableRawPointer) {
        columns = memory
        slots = memory + 64 * RankMemory.columns
        leaves = slots + 64 * RankMemory.slots
        sums = (leaves + 64 * RankMemory.trees).assumingMemoryBound(to: Double.self)
    }

    /// Fills the columns.
    @inline(__always)
    func rank<Value: RankValue>(
        _ x: UnsafePointer<Value>, _ rows: Int, _ features: Int, _ ranks: RankTrees<Value>
    ) {
        let hasNaN = holdsNaN(x, count: rows * features)
        for index in 0..<ranks.featureCount {
            rankFeature(
                ranks.features + index, ranks.thresholds, x, rows, features, columns, hasNaN: hasNaN
            )
        }
    }

    /// Lets the rows fall through all trees and writes their scores.
    @inline(__always)
    func score<Value: RankValue>(
        _ forest: ForestTables<Value>, _ ranks: RankTrees<Value>, _ rows: Int,
        _ y: UnsafeMutablePointer<Value>
    ) {
        let divisor: Double =
            switch forest.aggregate {
            case .sum, .minimum, .maximum: 1
            case .average: Double(max(forest.trees, 1))
            }
        for target in 0..<forest.targets {
            sums.update(repeating: 0, count: 64)
            let end = Int(ranks.targetStarts[target + 1])
            var tree = Int(ranks.targetStarts[target])
            while tree < end {
                let count = min(RankMemory.trees, end - tree)
                for index in 0..<count {
                    findLeaves(ranks, ranks.trees + (tree + index), leaves + 64 * index)
                }
                addLeaves(ranks, ranks.trees + tree, count, rows)
                tree += count
            }
            for row in 0..<rows {
                y[row * forest.targets + target] = Value(
                    rounding: sums[row] / divisor + forest.base[target])
            }
        }
    }

    /// The number of the leaf that each row reaches in a tree.
    @inline(__always)
    private func findLeaves<Value>(
        _ ranks: RankTrees<Value>, _ tree: UnsafePointer<RankTree>,
        _ result: UnsafeMutableRawPointer
    ) {
        let units = ranks.units + Int(tree.pointee.unitStart)
        let results = slots + 64 * ranks.constants
        for index in 0..<Int(tree.pointee.unitCount) {
            (results + 64 * index).storeBytes(of: unit(units + index), as: SIMD64<Int8>.self)
        }
        let steps = ranks.steps + Int(tree.pointee.stepStart)
        for index in 0..<Int(tree.pointee.stepCount) {
            let step = steps + index
            let chosen = pick(
                step.pointee.branch, slot(step.pointee.left), slot(step.pointee.right))
            (slots + 8 * Int(step.pointee.target)).storeBytes(of: chosen, as: SIMD64<Int8>.self)
        }
        result.storeBytes(of: slot(UInt16(tree.pointee.result)), as: SIMD64<Int8>.self)
    }

    @inline(__always)
    private func unit(_ unit: UnsafePointer<RankUnit>) -> SIMD64<Int8> {
        // A leaf's number is even on the left and one more on the right: a mask is 0 or -1.
        let leaf0 = splat(0) &- above(unit.pointee.low0)
        let leaf1 = splat(2) &- above(unit.pointee.low1)
        let left = pick(unit.pointee.left, leaf0, leaf1)
        let leaf2 = splat(4) &- above(unit.pointee.low2)
        let leaf3 = splat(6) &- above(unit.pointee.low3)
        let right = pick(unit.pointee.right, leaf2, leaf3)
        return pick(unit.pointee.root, left, right) &+ splat(unit.pointee.leaf)
    }

    @inline(__always)
    private func splat(_ value: Int8) -> SIMD64<Int8> { SIMD64<Int8>(repeating: value) }

    /// Adds the leaves of some trees to the rows' sums, eight rows at a time.
    @inline(__always)
    private func addLeaves<Value>(
        _ ranks: RankTrees<Value>, _ trees: UnsafePointer<RankTree>, _ count: Int, _ rows: Int
    ) {
        let leaves = UnsafeRawPointer(leaves).assumingMemoryBound(to: UInt8.self)
        for row in stride(from: 0, to: rows, by: 8) {
            let sum = sums + row
            var (s0, s1, s2, s3) = (sum[0], sum[1], sum[2], sum[3])
            var (s4, s5, s6, s7) = (sum[4], sum[5], sum[6], sum[7])
            for tree in 0..<count {
                let weights = ranks.leaves + Int(trees[tree].leafStart)
                let number = leaves + (64 * tree + row)
                s0 += weights[Int(number[0])]
                s1 += weights[Int(number[1])]
                s2 += weights[Int(number[2])]
                s3 += weights[Int(number[3])]
                s4 += weights[Int(number[4])]
                s5 += weights[Int(number[5])]
                s6 += weights[Int(number[6])]
                s7 += weights[Int(number[7])]
            }
            (sum[0], sum[1], sum[2], sum[3]) = (s0, s1, s2, s3)
            (sum[4], sum[5], sum[6], sum[7]) = (s4, s5, s6, s7)
        }
    }

    @inline(__always)
    private func slot(_ place: UInt16) -> SIMD64<Int8> {
        UnsafeRawPointer(slots + 8 * Int(place)).load(as: SIMD64<Int8>.self)
    }

    /// -1 where a row goes right, else 0.
    @inline(__always)
    private func above(_ branch: RankBranch) -> SIMD64<Int8> {
        let column = UnsafeRawPointer(columns + 8 * Int(branch.column)).load(as: SIMD64<Int8>.self)
        let mask: SIMDMask<SIMD64<Int8>> = column .> SIMD64<Int8>(repeating: branch.rank)
        return unsafeBitCast(mask, to: SIMD64<Int8>.self)
    }

    /// The left value, or the right where a row goes right. In words of 64 bits: Swift takes logic on
    /// 64 bytes apart byte by byte.
    @inline(__always)
    private func pick(
        _ branch: RankBranch, _ left: SIMD64<Int8>, _ right: SIMD64<Int8>
    ) -> SIMD64<Int8> {
        let mask = unsafeBitCast(above(branch), to: SIMD8<UInt64>.self)
        let (left, right) = (
            unsafeBitCast(left, to: SIMD8<UInt64>.self),
            unsafeBitCast(right, to: SIMD8<UInt64>.self)
        )
        return unsafeBitCast((mask & right) | (~mask & left), to: SIMD64<Int8>.self)
    }
}
