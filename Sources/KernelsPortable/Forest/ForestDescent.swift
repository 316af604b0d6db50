import Primitives

/// How many traversals run interleaved, so that one waits for memory while another computes.
let lanes = 8

/// Eight interleaved walks from roots to leaves.
struct Descent<Value: ForestValue> {
    private let nodes: UnsafePointer<ForestNode<Value>>
    private let sets: UnsafePointer<UInt32>
    private let tests: ForestTables<Value>.Tests
    let features: Int

    /// For some rows at `x`: tests for NaN are left out where there is none.
    @inline(__always)
    init(_ forest: ForestTables<Value>, _ x: UnsafePointer<Value>, rows: Int, features: Int) {
        nodes = forest.nodes
        sets = forest.sets
        self.features = features
        tests =
            forest.tests == .missing && !holdsNaN(x, count: rows * features)
            ? .plain : forest.tests
    }

    /// Walk i starts at starts[i], reads the row at x + i · stride and ends at leaves[i].
    @inline(__always)
    func run(
        _ starts: UnsafePointer<Int32>, _ x: UnsafePointer<Value>, stride: Int,
        _ leaves: UnsafeMutablePointer<Int32>
    ) {
        // Without features every tree is a leaf, and there is nothing to read.
        guard features > 0 else {
            leaves.update(from: starts, count: lanes)
            return
        }
        switch tests {
        case .plain: descend(nodes, starts, x, stride, leaves)
        case .missing, .rules: descendByRules(nodes, starts, x, stride, leaves)
        case .sets: descendBySets(nodes, sets, starts, x, stride, leaves)
        }
    }
}

@inline(__always)
func holdsNaN<Value: ForestValue>(_ x: UnsafePointer<Value>, count: Int) -> Bool {
    // Without a branch, so that the loop is vectorised.
    var found: Int32 = 0
    for index in 0..<count { found |= bit(x[index] != x[index]) }
    return found != 0
}

/// Eight walks by ≤ alone. Those that arrived stay where they are: a leaf leads to itself.
@inline(__always)
private func descend<Value: ForestValue>(
    _ nodes: UnsafePointer<ForestNode<Value>>, _ starts: UnsafePointer<Int32>,
    _ x: UnsafePointer<Value>, _ stride: Int, _ leaves: UnsafeMutablePointer<Int32>
) {
    walk(starts, x, stride, leaves) { place, x in
        let node = nodes + Int(place)
        let passes = bit(x[Int(node.pointee.feature)] <= node.pointee.threshold)
        place = node.pointee.child &+ (Int32(node.pointee.step) & (passes &- 1))
        return node.pointee.step
    }
}

/// The same where a node may test = or let missing values pass.
@inline(__always)
private func descendByRules<Value: ForestValue>(
    _ nodes: UnsafePointer<ForestNode<Value>>, _ starts: UnsafePointer<Int32>,
    _ x: UnsafePointer<Value>, _ stride: Int, _ leaves: UnsafeMutablePointer<Int32>
) {
    walk(starts, x, stride, leaves) { place, x in
        let node = nodes + Int(place)
        let passes = passes(x[Int(node.pointee.feature)], node)
        place = node.pointee.child &+ (Int32(node.pointee.step) & (passes &- 1))
        return node.pointee.step
    }
}

/// The same where a node may also look into a set.
@inline(__always)
private func descendBySets<Value: ForestValue>(
    _ nodes: UnsafePointer<ForestNode<Value>>, _ sets: UnsafePointer<UInt32>,
    _ starts: UnsafePointer<Int32>, _ x: UnsafePointer<Value>, _ stride: Int,
    _ leaves: UnsafeMutablePointer<Int32>
) {
    walk(starts, x, stride, leaves) { place, x in
        let node = nodes + Int(place)
        let passes = bit(takesTrue(x[Int(node.pointee.feature)], node, sets))
        place = node.pointee.child &+ (Int32(node.pointee.step) & (passes &- 1))
        return node.pointee.step
    }
}

/// Whether a value passes the test of a node of any kind.
@inline(__always)
func takesTrue<Value: ForestValue>(
    _ value: Value, _ node: UnsafePointer<ForestNode<Value>>, _ sets: UnsafePointer<UInt32>
) -> Bool {
    node.pointee.rule.usesSets ? isInSet(value, node, sets) : passes(value, node) != 0
}

/// 1 when a value passes the test of a node without sets. By masks instead of branches: where a
/// row goes cannot be predicted.
@inline(__always)
private func passes<Value: ForestValue>(
    _ value: Value, _ node: UnsafePointer<ForestNode<Value>>
) -> Int32 {
    let threshold = node.pointee.threshold
    let rule = node.pointee.rule
    let isEqualTest = bit(rule.contains(.equal))
    let isMissing =
        bit(value != value) | (bit(rule.contains(.zeroIsMissing)) & bit(isZero(value)))
    let holds = (isEqualTest & bit(value == threshold)) | (~isEqualTest & bit(value <= threshold))
    return (holds & ~isMissing) | (isMissing & bit(rule.contains(.missingPasses)))
}

/// LightGBM's zero: kZeroThreshold is the float32 nearest to 1e-35.
@inline(__always)
func isZero<Value: ForestValue>(_ value: Value) -> Bool {
    value.wide >= -1.0000000180025095e-35 && value.wide <= 1.0000000180025095e-35
}

/// Whether a value passes the test of a node with a set.
private func isInSet<Value: ForestValue>(
    _ value: Value, _ node: UnsafePointer<ForestNode<Value>>, _ sets: UnsafePointer<UInt32>
) -> Bool {
    let rule = node.pointee.rule
    let wide = value.wide
    if wide.isNaN || (rule.contains(.zeroIsMissing) && isZero(value)) {
        return rule.contains(.missingPasses)
    }
    let set = sets + node.pointee.threshold.index
    let count = Int(set.pointee)
    if rule.contains(.member) {
        for index in 0..<count {
            let low = UInt64(set[1 + 2 * index])
            let high = UInt64(set[2 + 2 * index])
            if wide == Double(bitPattern: high << 32 | low) { return true }
        }
        return false
    }
    let isIndex = wide >= 0 || (wide > -1 && rule.contains(.truncates))
    guard isIndex, count > 0, wide < Double(32 * count) else { return false }
    let category = Int(wide)
    return set[1 + category >> 5] >> UInt32(category & 31) & 1 != 0
}

@inline(__always)
func bit(_ condition: Bool) -> Int32 { condition ? 1 : 0 }

/// Steps all eight walks until none moves. Eight names instead of an array keep them in registers.
@inline(__always)
private func walk<Value: ForestValue>(
    _ starts: UnsafePointer<Int32>, _ x: UnsafePointer<Value>, _ stride: Int,
    _ leaves: UnsafeMutablePointer<Int32>,
    _ step: (inout Int32, UnsafePointer<Value>) -> Int16
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
