/// Some queries of one head against all its keys: sizes, and how the matrices lie. A matrix is given by
/// the distance of its rows and of its columns, in floats; 0 repeats.
public struct AttentionBlock: Sendable {
    public typealias Strides = (row: Int, column: Int)

    /// Rows of q and y.
    public var queries: Int
    /// Rows of k and v.
    public var keys: Int
    /// Columns of q and k.
    public var width: Int
    /// Columns of v and y.
    public var valueWidth: Int
    public var (q, k, v): (Strides, Strides, Strides)
    /// Of y, whose columns are neighbours.
    public var yStride: Int
    /// Of what is added to the scores, queries × keys.
    public var mask: Strides = (0, 0)
    /// Scores are multiplied by it before the mask is added.
    public var scale: Float
    /// Keys the first query sees; each later one sees one more. nil: all see all.
    public var openKeys: Int?
    /// A query whose weights are NaN (it sees nothing) gets zeros instead.
    public var zeroesNaN = false

    public init(
        queries: Int, keys: Int, width: Int, valueWidth: Int, q: Strides, k: Strides, v: Strides,
        yStride: Int, scale: Float
    ) {
        (self.queries, self.keys) = (queries, keys)
        (self.width, self.valueWidth) = (width, valueWidth)
        (self.q, self.k, self.v) = (q, k, v)
        self.yStride = yStride
        self.scale = scale
    }

    /// Queries whose scores are computed together: eight tiles of six rows.
    public static let queryRows = 48
    /// Keys of a block: their scores with 48 queries take 48 KiB. It decides how sums are grouped,
    /// and therefore bits.
    public static let keyRows = 256

    /// Floats that a call needs for itself: a block of queries, of keys, of values and of scores, and
    /// the greatest score and the sum of each query.
    public static func scratchCount(keys: Int, width: Int, valueWidth: Int) -> Int {
        let block = (min(keys, keyRows) + 15) & ~15
        let columns = (valueWidth + 15) & ~15
        return queryRows * width + block * width + block * columns + queryRows * block
            + 2 * queryRows
    }
}
