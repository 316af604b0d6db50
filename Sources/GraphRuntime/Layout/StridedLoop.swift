/// A walk over an index space whose operands have their own strides: broadcasts, transposes and
/// reductions all are one. Dimensions of size 1 are dropped and neighbours that run on are merged,
/// so that most walks end up with one or two dimensions.
struct StridedLoop: Sendable {
    /// The deepest walk after merging. ONNX models stay below 6.
    static let rankMax = 8

    /// Sizes of the outer dimensions, slowest first.
    let sizes: [Int]
    /// Strides of operand A and B along the outer dimensions.
    let stridesA: [Int]
    let stridesB: [Int]
    /// The innermost dimension, walked by the caller's own loop.
    let innerCount: Int
    let innerStrideA: Int
    let innerStrideB: Int
    /// Turns of the caller's inner loop.
    let outerCount: Int

    /// nil when more than `rankMax` dimensions remain after merging.
    init?(shape: [Int], stridesA: [Int], stridesB: [Int]) {
        var sizes: [Int] = []
        var a: [Int] = []
        var b: [Int] = []
        for index in shape.indices where shape[index] != 1 {
            let size = shape[index]
            if let last = sizes.last, a[a.count - 1] == stridesA[index] * size,
                b[b.count - 1] == stridesB[index] * size
            {
                sizes[sizes.count - 1] = last * size
                a[a.count - 1] = stridesA[index]
                b[b.count - 1] = stridesB[index]
            } else {
                sizes.append(size)
                a.append(stridesA[index])
                b.append(stridesB[index])
            }
        }
        innerCount = sizes.popLast() ?? 1
        innerStrideA = a.popLast() ?? 0
        innerStrideB = b.popLast() ?? 0
        guard sizes.count <= Self.rankMax else { return nil }
        self.sizes = sizes
        self.stridesA = a
        self.stridesB = b
        outerCount = innerCount == 0 ? 0 : sizes.reduce(1, *)
    }

    /// Strides of an operand of `shape` seen through a broadcast to `target`: 0 where it repeats.
    static func broadcastStrides(_ shape: [Int], to target: [Int]) -> [Int] {
        let own = Shape.strides(shape)
        let missing = target.count - shape.count
        return target.indices.map { index in
            index < missing || shape[index - missing] == 1 ? 0 : own[index - missing]
        }
    }

    /// The position of a walk: an odometer that keeps both operands' offsets up to date.
    struct Position {
        private(set) var offsetA = 0
        private(set) var offsetB = 0
        private var counters = InlineArray<8, Int>(repeating: 0)

        /// Steps to the next turn of the inner loop.
        mutating func advance(_ loop: borrowing StridedLoop) {
            var index = loop.sizes.count - 1
            while index >= 0 {
                counters[index] += 1
                offsetA += loop.stridesA[index]
                offsetB += loop.stridesB[index]
                if counters[index] < loop.sizes[index] { return }
                offsetA -= loop.stridesA[index] * loop.sizes[index]
                offsetB -= loop.stridesB[index] * loop.sizes[index]
                counters[index] = 0
                index -= 1
            }
        }
    }
}
