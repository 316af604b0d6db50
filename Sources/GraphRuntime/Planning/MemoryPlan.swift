/// Gives every value of a plan its range of one arena, so that values alive at the same time never
/// overlap and the arena stays small.
///
/// Greedy by size: the largest value first, each at the lowest offset that is free during its
/// life (Pisarchyk & Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020).
/// Cost: O(n²) in the number of values. Beyond `valuesBySizeMax` values they are placed in the order of
/// their first use instead, each among those alive at that moment: O(n · alive), and on chains the
/// same arena.
package struct MemoryPlan {
    /// A value's need: its size and the first and last step that touch it.
    package struct Life {
        package let byteCount: Int
        package let first: Int
        package var last: Int

        package init(byteCount: Int, first: Int, last: Int) {
            self.byteCount = byteCount
            self.first = first
            self.last = last
        }
    }

    private static let valuesBySizeMax = 2_000

    /// An offset a life, aligned to a cache line.
    package let offsets: [Int]
    package let byteCount: Int

    /// nil when the sum of the sizes is beyond `byteCountMax`.
    package init?(_ lives: [Life], byteCountMax: Int) {
        let isByTime = lives.count > Self.valuesBySizeMax
        let order = lives.indices.sorted {
            isByTime
                ? (lives[$0].first, $0) < (lives[$1].first, $1)
                : (lives[$1].byteCount, $0) < (lives[$0].byteCount, $1)
        }
        var offsets = Array(repeating: 0, count: lives.count)
        var placed: [Int] = []
        var end = 0
        for index in order {
            let life = lives[index]
            // In the order of time, what ended before can meet no later value.
            if isByTime { placed.removeAll { lives[$0].last < life.first } }
            let size = Self.rounded(life.byteCount)
            guard size <= byteCountMax else { return nil }
            let neighbours = placed.filter {
                lives[$0].first <= life.last && life.first <= lives[$0].last
            }.sorted { offsets[$0] < offsets[$1] }
            var offset = 0
            for neighbour in neighbours {
                if offsets[neighbour] >= offset + size { break }
                offset = max(offset, offsets[neighbour] + Self.rounded(lives[neighbour].byteCount))
            }
            guard offset <= byteCountMax - size else { return nil }
            offsets[index] = offset
            placed.append(index)
            end = max(end, offset + size)
        }
        self.offsets = offsets
        byteCount = end
    }

    private static func rounded(_ byteCount: Int) -> Int {
        byteCount > Int.max - 63 ? Int.max : (byteCount + 63) & ~63
    }
}
