import Glibc
import Primitives

extension Reference {
    /// Softmax of every row, in double precision.
    public static func softmax(_ x: [Float], rows: Int, columns: Int) -> [Float] {
        (0..<rows).flatMap { row in
            let row = x[row * columns..<(row + 1) * columns].map(Double.init)
            let top = row.max() ?? 0
            let powers = row.map { Glibc.exp($0 - top) }
            let total = powers.reduce(0, +)
            return powers.map { Float($0 / total) }
        }
    }

    /// Log-softmax of every row, in double precision.
    public static func logSoftmax(_ x: [Float], rows: Int, columns: Int) -> [Float] {
        (0..<rows).flatMap { row in
            let row = x[row * columns..<(row + 1) * columns].map(Double.init)
            let top = row.max() ?? 0
            let total = Glibc.log(row.reduce(0) { $0 + Glibc.exp($1 - top) })
            return row.map { Float($0 - top - total) }
        }
    }

    /// Every row divided by its norm, in double precision.
    public static func normalize(_ x: [Float], rows: Int, columns: Int, norm: Norm) -> [Float] {
        (0..<rows).flatMap { row in
            let row = x[row * columns..<(row + 1) * columns].map(Double.init)
            let total =
                switch norm {
                case .max: row.max() ?? 0
                case .l1: row.reduce(0) { $0 + Swift.abs($1) }
                case .l2: row.reduce(0) { $0 + $1 * $1 }.squareRoot()
                }
            return row.map { Float(total == 0 ? $0 : $0 / total) }
        }
    }
}
