import Primitives

/// The trees of a forest of small trees as bit vectors (`BitTrees`): at most 32 leaves each, one vote
/// a leaf, no test but ≤, compared in float32.
struct ForestBits: Sendable {
    private static let leavesMax = 32

    let nodes: AlignedMemory  // BitNode
    let starts: AlignedMemory  // Int32, one a tree and one more
    let leaves: AlignedMemory  // Float
    let features: AlignedMemory  // Int32
    let featureCount: Int

    /// Nil when the layout has no such form.
    init?(_ layout: ForestLayout<Float>) {
        guard layout.tests == .plain || layout.tests == .missing else { return nil }
        let tested = Set(layout.nodes.filter { $0.step != 0 }.map(\.feature)).sorted()
        guard tested.count <= BitTrees.featuresMax, !tested.isEmpty else { return nil }
        var columns: [Int32: Int32] = [:]
        for (slot, feature) in tested.enumerated() { columns[feature] = Int32(8 * slot) }
        var builder = Builder(columns: columns)
        for root in layout.roots {
            guard builder.append(layout, root: Int(root)) else { return nil }
        }
        nodes = AlignedMemory(copying: builder.nodes)
        starts = AlignedMemory(copying: builder.starts)
        leaves = AlignedMemory(copying: builder.leaves)
        features = AlignedMemory(copying: tested)
        featureCount = tested.count
    }

    var byteCount: Int {
        nodes.byteCount + starts.byteCount + leaves.byteCount + features.byteCount
    }

    private struct Builder {
        let columns: [Int32: Int32]
        var nodes: [BitNode] = []
        var starts: [Int32] = [0]
        var leaves: [Float] = []

        init(columns: [Int32: Int32]) { self.columns = columns }

        /// Appends one tree, left to right; false when it has too many leaves.
        mutating func append(_ layout: ForestLayout<Float>, root: Int) -> Bool {
            let first = leaves.count
            /// A node to visit, or a branch whose left side is done and began at this leaf.
            enum Work {
                case visit(Int)
                case strike(Int, from: Int)
            }
            var work = [Work.visit(root)]
            while let next = work.popLast() {
                switch next {
                case .visit(let place):
                    let node = layout.nodes[place]
                    guard node.step != 0 else {
                        guard leaves.count - first < ForestBits.leavesMax else { return false }
                        leaves.append(node.threshold)
                        continue
                    }
                    work.append(.visit(Int(node.child) + 1))
                    work.append(.strike(place, from: leaves.count - first))
                    work.append(.visit(Int(node.child)))
                case .strike(let place, let from):
                    let node = layout.nodes[place]
                    let count = UInt64(leaves.count - first - from)
                    let struck = ((1 << count) - 1) << UInt64(from)
                    nodes.append(
                        BitNode(
                            threshold: node.threshold, column: columns[node.feature] ?? 0,
                            mask: ~UInt32(truncatingIfNeeded: struck)))
                }
            }
            starts.append(Int32(nodes.count))
            return true
        }
    }
}
