import Primitives

extension Forest {
    /// Measures the layouts there are, on 64 rows and on a single one, and keeps the fastest for each.
    /// All give the same bits. Takes some milliseconds.
    mutating func chooseLayouts<Value: ForestValue>(_ type: Value.Type) {
        guard complete != nil || bits != nil || ranks != nil else { return }
        let rows = 64
        guard featureCount > 0, rows * featureCount <= 1 << 20 else {
            (complete, bits, ranks) = (nil, nil, nil)
            return
        }
        let x = sampleRows(rows, type)
        let prepared = ranks
        ranks = nil
        defer { chooseRanks(prepared, x, rows: rows) }
        var linked = self
        (linked.complete, linked.bits) = (nil, nil)
        var best = linked.nanoseconds(x, rows: rows)
        let bestOfOne = linked.nanoseconds(x, rows: 1)
        if complete != nil {
            var tried = self
            tried.bits = nil
            let time = tried.nanoseconds(x, rows: rows)
            complete?.isForRows = time < best
            complete?.isForRow = tried.nanoseconds(x, rows: 1) < bestOfOne
            best = min(best, time)
        }
        if bits != nil {
            usesBits = true
            usesBits = nanoseconds(x, rows: rows) < best
        }
        if complete?.isForRows == false, complete?.isForRow == false { complete = nil }
        if !usesBits { bits = nil }
    }

    /// Keeps the ranks from that number of rows on at which they are faster than what was chosen.
    private mutating func chooseRanks<Value: ForestValue>(
        _ prepared: ForestRanks?, _ x: [Value], rows: Int
    ) {
        guard var tried = prepared else { return }
        tried.rowsMin = 1
        for count in [8, 16, 24, 32, 48, 64] where count <= rows {
            ranks = nil
            let other = nanoseconds(x, rows: count)
            ranks = tried
            if nanoseconds(x, rows: count) < other {
                ranks?.rowsMin = count
                return
            }
        }
        ranks = nil
    }

    /// Values near what the trees ask for, so that rows go all ways.
    private func sampleRows<Value: ForestValue>(_ rows: Int, _ type: Value.Type) -> [Value] {
        let nodes = nodes.span(as: ForestNode<Value>.self)
        var x = [Value](repeating: 0, count: rows * featureCount)
        guard !nodes.isEmpty else { return x }
        var state: UInt64 = 1
        for index in x.indices {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let value = nodes[Int(state >> 33) % nodes.count].threshold
            x[index] = value.isFinite ? value : 0
        }
        return x
    }

    /// The least time of some runs over the first rows of `x`.
    private func nanoseconds<Value: ForestValue>(_ x: [Value], rows: Int) -> UInt64 {
        var best = UInt64.max
        if let x = x as? [Float] {
            var y = [Float](repeating: 0, count: rows * targetCount)
            var target = y.mutableSpan
            for _ in 0..<5 {
                let begin = MonotonicClock.nanoseconds
                KernelSet.best.forestScores(
                    self, x: x.span.extracting(0..<rows * featureCount), rows: rows,
                    features: featureCount, y: &target)
                best = min(best, MonotonicClock.nanoseconds &- begin)
            }
        } else if let x = x as? [Double] {
            var y = [Double](repeating: 0, count: rows * targetCount)
            var target = y.mutableSpan
            for _ in 0..<5 {
                let begin = MonotonicClock.nanoseconds
                KernelSet.best.forestScores(
                    self, x: x.span.extracting(0..<rows * featureCount), rows: rows,
                    features: featureCount, y: &target)
                best = min(best, MonotonicClock.nanoseconds &- begin)
            }
        }
        return best
    }
}
