import Primitives

/// How a tensor of heads lies in memory: batch b, head n, row l, column d.
enum HeadLayout: Int {
    /// [b, n, l, d]
    case headsFirst
    /// [b, l, n, d], or [b, l, n · d] where the number of heads is given.
    case rowsFirst
    /// [b, n, d, l]
    case transposed
}

/// A tensor of heads: its sizes, and the distances between neighbours; 0 along what is broadcast.
struct AttentionHeads {
    let (batch, heads, rows, columns): (Int, Int, Int, Int)
    private let (batchStride, headStride): (Int, Int)
    let (rowStride, columnStride): (Int, Int)

    /// - Parameter headCount: the number of heads in a tensor of three dimensions.
    init(_ shape: [Int], _ layout: HeadLayout, headCount: Int) throws(OperatorFailure) {
        var shape = shape
        var layout = layout
        if shape.count == 3, headCount > 0 {
            guard shape[2] % headCount == 0 else {
                throw OperatorFailure(
                    "rows of \(shape[2]) values are not \(headCount) heads of one width")
            }
            shape = [shape[0], shape[1], headCount, shape[2] / headCount]
            layout = .rowsFirst
        } else if layout == .rowsFirst, headCount > 0 {
            layout = .headsFirst
        }
        guard shape.count == 4 else {
            throw OperatorFailure("\(Shape.text(shape)) are no heads of rows")
        }
        let strides = Shape.strides(shape)
        let places: (head: Int, row: Int, column: Int) =
            switch layout {
            case .headsFirst: (1, 2, 3)
            case .rowsFirst: (2, 1, 3)
            case .transposed: (1, 3, 2)
            }
        (batch, heads) = (shape[0], shape[places.head])
        (rows, columns) = (shape[places.row], shape[places.column])
        batchStride = batch == 1 ? 0 : strides[0]
        headStride = heads == 1 ? 0 : strides[places.head]
        (rowStride, columnStride) = (strides[places.row], strides[places.column])
    }

    /// Where the matrix of a head starts. Fewer heads than asked for are shared by neighbours.
    func start(_ item: Int, _ head: Int, of all: Int) -> Int {
        item * batchStride + head / (all / max(heads, 1)) * headStride
    }
}
