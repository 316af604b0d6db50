import Primitives

/// Writes trees that were cut up into the arrays of `RankTrees`.
struct RankTreeBuilder<Value: ForestValue> {
    private let scale: RankScale<Value>
    private let layout: ForestLayout<Value>
    private let constants: Int
    private(set) var trees: [RankTree] = []
    private(set) var units: [RankUnit] = []
    private(set) var steps: [RankStep] = []
    private(set) var leaves: [Double] = []

    init(scale: RankScale<Value>, layout: ForestLayout<Value>, constants: Int) {
        self.scale = scale
        self.layout = layout
        self.constants = constants
    }

    /// Appends a tree; false when it has more leaves or slots than there is room for.
    mutating func append(_ shape: RankTreeShape<Value>) -> Bool {
        let singles = shape.singles.count
        guard singles + 8 * shape.units.count <= RankTrees<Value>.leavesMax else { return false }
        var tree = RankTree(
            unitStart: Int32(units.count), unitCount: Int32(shape.units.count),
            stepStart: Int32(steps.count), stepCount: Int32(shape.steps.count),
            leafStart: Int32(leaves.count), result: 0)
        leaves += shape.singles.map { layout.nodes[$0].threshold.wide }
        for (index, root) in shape.units.enumerated() {
            appendUnit(root, leaf: singles + 8 * index)
        }
        guard let result = appendSteps(shape) else { return false }
        tree.result = Int32(result)
        trees.append(tree)
        return true
    }

    /// A unit's branches and leaves. Where the subtree ends early, a branch that every row passes
    /// leads on to its leaf.
    private mutating func appendUnit(_ root: Int, leaf: Int) {
        let end = RankBranch(column: 0, rank: .max)
        var branches = [RankBranch](repeating: end, count: 8)
        var places = [Int](repeating: root, count: 16)
        for index in 1..<8 {
            let node = layout.nodes[places[index]]
            places[2 * index] = node.step == 0 ? places[index] : Int(node.child)
            places[2 * index + 1] = places[2 * index] + Int(node.step)
            if node.step != 0 { branches[index] = scale.branch(node) }
        }
        units.append(RankUnit(branches, leaf: Int8(truncatingIfNeeded: leaf)))
        leaves += places[8...].map { layout.nodes[$0].threshold.wide }
    }

    /// The steps of a tree, and the slot of the last (in eights of bytes). A step takes the slot of
    /// one of its children, or one that is free again.
    private mutating func appendSteps(_ shape: RankTreeShape<Value>) -> Int? {
        let firstFree = constants + shape.units.count
        var slots = firstFree
        var free: [Int] = []
        var ofSteps: [Int] = []
        func slot(_ part: RankTreeShape<Value>.Part) -> Int {
            switch part {
            case .single(let index): index
            case .unit(let index): constants + index
            case .step(let index): ofSteps[index]
            }
        }
        for step in shape.steps {
            let (left, right) = (slot(step.left), slot(step.right))
            let target: Int
            if left >= constants {
                target = left
                if right >= constants { free.append(right) }
            } else if right >= constants {
                target = right
            } else if let last = free.popLast() {
                target = last
            } else {
                target = slots
                slots += 1
            }
            ofSteps.append(target)
            steps.append(
                RankStep(
                    scale.branch(layout.nodes[step.node]), left: UInt16(8 * left),
                    right: UInt16(8 * right), target: UInt16(8 * target)))
        }
        return slots <= RankTrees<Value>.slotsMax ? 8 * slot(shape.result) : nil
    }
}
