import Primitives

/// The trees of a forest filled up to whole ones (`CompleteTrees`), for forests of shallow trees with
/// one vote a leaf and no test but ≤.
struct ForestComplete: Sendable {
    /// Deeper trees have too many nodes that no row comes to.
    static let depthMax = 9

    let nodes: AlignedMemory  // CompleteNode
    let leaves: AlignedMemory  // Value
    /// Whether it is faster than the linked layout for eight rows and more, and for one.
    var isForRows = true
    var isForRow = true

    /// Nil when the layout has no complete form, or one that is too large.
    init?<Value: ForestValue>(_ layout: ForestLayout<Value>) {
        let depth = layout.depth
        guard 1...Self.depthMax ~= depth, layout.tests == .plain || layout.tests == .missing else {
            return nil
        }
        let size = 1 << depth
        let trees = layout.roots.count
        guard trees * size <= 4 * layout.nodes.count else { return nil }
        let filler = CompleteNode<Value>(threshold: .infinity, feature: 0)
        var nodes = [CompleteNode<Value>](repeating: filler, count: (trees + 7) * size)
        var leaves = [Value](repeating: 0, count: (trees + 7) * size)
        for (tree, root) in layout.roots.enumerated() {
            // Node p of the complete tree is node source[p] of the layout.
            var source = [Int](repeating: Int(root), count: 2 * size)
            for place in 1..<2 * size {
                let node = layout.nodes[source[place]]
                guard place < size else {
                    leaves[tree * size + place - size] = node.threshold
                    continue
                }
                source[2 * place] = node.step == 0 ? source[place] : Int(node.child)
                source[2 * place + 1] = source[2 * place] + Int(node.step)
                if node.step != 0 {
                    nodes[tree * size + place] = CompleteNode(
                        threshold: node.threshold, feature: node.feature)
                }
            }
        }
        self.nodes = AlignedMemory(copying: nodes)
        self.leaves = AlignedMemory(copying: leaves)
    }

    var byteCount: Int { nodes.byteCount + leaves.byteCount }
}
