import Primitives

/// How a tree is cut up: subtrees of three levels that are mostly full become units, the branches above
/// them steps, and the leaves that hang from steps constants.
struct RankTreeShape<Value: ForestValue> {
    /// Where a step takes its value from, and where a row of the tree ends.
    enum Part: Equatable {
        case single(Int)
        case unit(Int)
        case step(Int)
    }

    struct Step {
        let node: Int
        let left, right: Part
    }

    /// Fewer branches are cheaper as steps.
    private static var branchesOfUnitMin: Int { 4 }
    private static var levelsOfUnit: Int { 3 }

    /// Nodes of the layout: leaves by themselves, and roots of units.
    private(set) var singles: [Int] = []
    private(set) var units: [Int] = []
    private(set) var steps: [Step] = []
    private(set) var result = Part.single(0)

    /// Nil when the tree has too many leaves.
    init?(_ layout: ForestLayout<Value>, root: Int) {
        // Children lie behind their parents, so the nodes of the tree are found in this order.
        var nodes = [root]
        var next = 0
        while next < nodes.count {
            let node = layout.nodes[nodes[next]]
            if node.step != 0 { nodes += [Int(node.child), Int(node.child) + 1] }
            guard nodes.count < 2 * RankTrees<Value>.leavesMax else { return nil }
            next += 1
        }
        var sizes: [Int: (branches: Int, levels: Int)] = [:]
        for place in nodes.reversed() {
            let node = layout.nodes[place]
            guard node.step != 0, let left = sizes[Int(node.child)],
                let right = sizes[Int(node.child) + 1]
            else {
                sizes[place] = (0, 0)
                continue
            }
            sizes[place] = (
                left.branches + right.branches + 1, max(left.levels, right.levels) + 1
            )
        }
        result = cut(layout, root, sizes)
    }

    /// At most 255 calls deep, since the tree has at most 256 leaves.
    private mutating func cut(
        _ layout: ForestLayout<Value>, _ place: Int, _ sizes: [Int: (branches: Int, levels: Int)]
    ) -> Part {
        let node = layout.nodes[place]
        guard node.step != 0, let size = sizes[place] else {
            singles.append(place)
            return .single(singles.count - 1)
        }
        if size.levels <= Self.levelsOfUnit, size.branches >= Self.branchesOfUnitMin {
            units.append(place)
            return .unit(units.count - 1)
        }
        let left = cut(layout, Int(node.child), sizes)
        let right = cut(layout, Int(node.child) + 1, sizes)
        steps.append(Step(node: place, left: left, right: right))
        return .step(steps.count - 1)
    }
}
