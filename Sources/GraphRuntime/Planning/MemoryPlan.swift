/// Gives every value of a plan its range of one arena, so that values alive at the same time never
/// overlap and the arena stays small.
///
/// Greedy by size: the largest value first, each at the lowest offset that is free during its
/// life (Pisarchyk & Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020).
/// Cost: O(n²) in the number of values.
struct MemoryPlan {
    /// A value's need: its size and the first and last step that touch it.
    struct Life {
        let byteCount: Int
        let first: Int
        var last: Int
    }

    /// An offset a life, aligned to a cache line.
    let offsets: [Int]
    let byteCount: Int

    /// nil when the sum of the sizes is beyond `byteCountMax`.
    init?(_ lives: [Life], byteCountMax: Int) {
        var offsets = Array(repeating: 0, count: lives.count)
        var placed: [Int] = []
        var end = 0
        let order = lives.indices.sorted {
            (lives[$1].byteCount, $0) < (lives[$0].byteCount, $1)
        }
        for index in order {
            let size = Self.rounded(lives[index].byteCount)
            guard size <= byteCountMax else { return nil }
            let neighbours = placed.filter {
                lives[$0].first <= lives[index].last && lives[index].first <= lives[$0].last
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
