import Primitives

/// Adds the votes of all trees for a block of rows without NaN, in the complete layout: the children
/// of node p are 2p and 2p + 1, so that a step loads no link and every walk takes `depth` steps.
@inline(__always)
func scoreComplete<Value: ForestValue>(
    _ forest: ForestTables<Value>, _ complete: CompleteTrees<Value>, _ x: UnsafePointer<Value>,
    rows: Int, features: Int, _ scores: UnsafeMutablePointer<Double>,
    _ targets: UnsafePointer<Int32>
) {
    let size = 1 << complete.depth
    let trees = forest.trees
    let wholeEnd = rows - rows % lanes
    for tree in 0..<(wholeEnd > 0 ? trees : 0) {
        let nodes = complete.nodes + tree * size
        let leaves = complete.leaves + tree * size - size
        let target = scores + Int(targets[tree])
        for row in stride(from: 0, to: wholeEnd, by: lanes) {
            walkComplete(nodes, 0, complete.depth, x + row * features, features) { lane, place in
                target[(row + lane) * forest.targets] += leaves[place].wide
            }
        }
    }
    // The other rows one by one, eight trees at a time. Behind the last tree there are seven more.
    for row in wholeEnd..<rows {
        let target = scores + row * forest.targets
        for tree in stride(from: 0, to: trees, by: lanes) {
            let leaves = complete.leaves + tree * size - size
            walkComplete(
                complete.nodes + tree * size, size, complete.depth, x + row * features, 0
            ) { lane, place in
                if tree + lane < trees {
                    target[Int(targets[tree + lane])] += leaves[lane * size + place].wide
                }
            }
        }
    }
}

/// Eight walks; walk i begins at nodes + i · nodeStride and reads the row at x + i · rowStride. Eight
/// names instead of an array keep them in registers.
@inline(__always)
private func walkComplete<Value: ForestValue>(
    _ nodes: UnsafePointer<CompleteNode<Value>>, _ nodeStride: Int, _ depth: Int,
    _ x: UnsafePointer<Value>, _ rowStride: Int, _ arrive: (Int, Int) -> Void
) {
    @inline(__always)
    func step(_ place: inout Int, _ lane: Int) {
        let node = nodes + (lane * nodeStride + place)
        let value = (x + lane * rowStride)[Int(node.pointee.feature)]
        place = 2 &* place &+ (value <= node.pointee.threshold ? 0 : 1)
    }
    var (p0, p1, p2, p3, p4, p5, p6, p7) = (1, 1, 1, 1, 1, 1, 1, 1)
    for _ in 0..<depth {
        step(&p0, 0)
        step(&p1, 1)
        step(&p2, 2)
        step(&p3, 3)
        step(&p4, 4)
        step(&p5, 5)
        step(&p6, 6)
        step(&p7, 7)
    }
    arrive(0, p0)
    arrive(1, p1)
    arrive(2, p2)
    arrive(3, p3)
    arrive(4, p4)
    arrive(5, p5)
    arrive(6, p6)
    arrive(7, p7)
}
