import Primitives

/// The thresholds of each feature in ascending order, and the columns that the branches read.
struct RankScale<Value: ForestValue> {
    private(set) var features: [RankFeature] = []
    private(set) var thresholds: [Value] = []
    /// Of each feature of the rows: its thresholds, ascending.
    private var ascending: [Int32: [Value]] = [:]
    private var places: [Int32: Int] = [:]

    /// Nil when a test is not ≤, or there are too many thresholds or columns.
    init?(_ layout: ForestLayout<Value>) {
        var variants: [Int32: Set<Int>] = [:]
        for node in layout.nodes where node.step != 0 {
            guard !node.rule.contains(.equal), !node.rule.usesSets, !node.threshold.isNaN else {
                return nil
            }
            ascending[node.feature, default: []].append(node.threshold)
            variants[node.feature, default: []].insert(RankFeature.variant(node.rule))
        }
        var columns = 0
        for feature in ascending.keys.sorted() {
            var list: [Value] = []
            for value in (ascending[feature] ?? []).sorted() where list.last != value {
                list.append(value)
            }
            let used = variants[feature] ?? []
            guard list.count <= RankTrees<Value>.thresholdsMax,
                columns + used.count <= RankTrees<Value>.columnsMax
            else { return nil }
            ascending[feature] = list
            places[feature] = features.count
            append(feature, list, used, firstColumn: columns)
            columns += used.count
        }
    }

    private mutating func append(
        _ feature: Int32, _ list: [Value], _ variants: Set<Int>, firstColumn: Int
    ) {
        let blocks = (list.count + 15) / 16
        var entry = RankFeature(
            feature: feature, start: Int32(thresholds.count), hasPivots: blocks > 1)
        let filled =
            list + [Value](repeating: .infinity, count: blocks * 16 - list.count)
        if blocks > 1 {
            // The last of each block; nothing is above that of the last block, or beyond.
            thresholds += (0..<16).map { $0 < blocks - 1 ? filled[16 * $0 + 15] : .infinity }
        }
        thresholds += filled
        var next = Int16(firstColumn)
        for variant in variants.sorted() {
            switch variant {
            case 0: entry.columns.0 = next
            case 1: entry.columns.1 = next
            case 2: entry.columns.2 = next
            default: entry.columns.3 = next
            }
            next += 1
        }
        features.append(entry)
    }

    /// A node's test in ranks.
    func branch(_ node: ForestNode<Value>) -> RankBranch {
        guard let place = places[node.feature], let list = ascending[node.feature] else {
            preconditionFailure("the scale was made from all nodes of the layout")
        }
        var (low, high) = (0, list.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if list[middle] < node.threshold { low = middle + 1 } else { high = middle }
        }
        let columns = features[place].columns
        let column =
            switch RankFeature.variant(node.rule) {
            case 0: columns.0
            case 1: columns.1
            case 2: columns.2
            default: columns.3
            }
        return RankBranch(column: UInt16(column) * 8, rank: Int8(low - 128))
    }
}
