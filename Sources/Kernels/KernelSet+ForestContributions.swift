import KernelsPortable
import Primitives

extension KernelSet {
    /// y[r, t, f] = what feature f contributed to score t of row r, and behind the features the
    /// score to be expected of any row: path-dependent TreeSHAP. They add up to the score.
    ///
    /// The forest must explain itself (`Forest.explains`). `x` holds rows × features values, where `features`
    /// is the forest's, `y` rows × targets × (features + 1).
    /// - Cost: leaves · depth² a row, and one allocation a call. The same at every level.
    @inline(never)
    public func forestContributions(
        _ forest: Forest, x: Span<Float>, rows: Int, y: inout MutableSpan<Float>
    ) {
        forest.check(.float32, inputs: x.count, rows, forest.featureCount)
        let scratch = forest.explanationScratch(results: y.count, rows: rows)
        let (x, y) = unsafe (x.address, y.address)
        let covers = forest.covers.span(as: Float.self)
        let expected = forest.expected.span(as: Double.self)
        forest.withTables(Float.self) { tables in
            var path = scratch.path.mutableSpan(as: PathElement.self)
            var sums = scratch.sums.mutableSpan(as: Double.self)
            unsafe KernelsPortable.forestContributionsF32(
                tables, covers: covers.address, expected: expected.address, path: path.address,
                x: x, rows: rows, features: forest.featureCount, y: y, sums: sums.address)
        }
    }

    /// The same for forests of precision float64.
    @inline(never)
    public func forestContributions(
        _ forest: Forest, x: Span<Double>, rows: Int, y: inout MutableSpan<Double>
    ) {
        forest.check(.float64, inputs: x.count, rows, forest.featureCount)
        let scratch = forest.explanationScratch(results: y.count, rows: rows)
        let (x, y) = unsafe (x.address, y.address)
        let covers = forest.covers.span(as: Float.self)
        let expected = forest.expected.span(as: Double.self)
        forest.withTables(Double.self) { tables in
            var path = scratch.path.mutableSpan(as: PathElement.self)
            var sums = scratch.sums.mutableSpan(as: Double.self)
            unsafe KernelsPortable.forestContributionsF64(
                tables, covers: covers.address, expected: expected.address, path: path.address,
                x: x, rows: rows, features: forest.featureCount, y: y, sums: sums.address)
        }
    }
}

extension Forest {
    /// Memory of one explanation, after its sizes were checked.
    fileprivate func explanationScratch(
        results: Int, rows: Int
    ) -> (path: AlignedMemory, sums: AlignedMemory) {
        precondition(explains, "only sums and averages with covers have contributions")
        let width = area(targetCount, featureCount + 1)
        precondition(results == area(rows, width), "the result holds every contribution")
        let elements = area(depth + 2, depth + 3)
        return (
            AlignedMemory(byteCount: area(elements, MemoryLayout<PathElement>.stride)),
            AlignedMemory(byteCount: area(width, MemoryLayout<Double>.stride))
        )
    }

    /// Whether contributions can be computed: scores are sums or averages of leaves, and the file
    /// said how many rows came through each node.
    public var explains: Bool {
        switch aggregate {
        case .sum, .average: hasCovers
        case .minimum, .maximum: false
        }
    }

    /// The score to be expected of any row, a target each: every leaf by the part of the training
    /// rows that came to it.
    static func expectedScores<Value: ForestValue>(
        _ layout: ForestLayout<Value>, base: [Double], aggregate: ForestAggregate
    ) -> [Double] {
        let divisor = aggregate == .average ? Double(max(layout.roots.count, 1)) : 1
        var expected = base
        guard layout.covers.count == layout.nodes.count else { return expected }
        var parts = [Double](repeating: 0, count: layout.nodes.count)
        for root in layout.roots { parts[Int(root)] = 1 }
        // Children lie behind their parents.
        for (index, node) in layout.nodes.enumerated() {
            if node.step == 0 {
                for vote in layout.votes[
                    Int(layout.voteStarts[index])..<Int(layout.voteStarts[index + 1])]
                {
                    expected[Int(vote.target)] += vote.weight * parts[index] / divisor
                }
                continue
            }
            let cover = Double(layout.covers[index])
            for child in Int(node.child)...Int(node.child) + 1 {
                parts[child] = cover > 0 ? parts[index] * Double(layout.covers[child]) / cover : 0
            }
        }
        return expected
    }
}
