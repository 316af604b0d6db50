import Primitives

/// Arithmetic on shapes. Sizes may come from a hostile file: every product is checked.
enum Shape {
    /// The number of elements, or nil when a dimension is negative or the product is beyond what a
    /// tensor may hold.
    static func elementCount(
        _ shape: some Sequence<Int>, max: Int = Limits.standard.tensorElementsMax
    ) -> Int? {
        var product = 1
        var isEmpty = false
        for size in shape {
            if size < 0 { return nil }
            if size == 0 {
                isEmpty = true
                continue
            }
            let (next, overflow) = product.multipliedReportingOverflow(by: size)
            if overflow || next > max { return nil }
            product = next
        }
        return isEmpty ? 0 : product
    }

    /// NumPy's multidirectional broadcasting, or nil when two sizes differ and neither is 1.
    static func broadcast(_ a: [Int], _ b: [Int]) -> [Int]? {
        let rank = max(a.count, b.count)
        var result = Array(repeating: 1, count: rank)
        for index in 0..<rank {
            let left = index + a.count - rank >= 0 ? a[index + a.count - rank] : 1
            let right = index + b.count - rank >= 0 ? b[index + b.count - rank] : 1
            if left == right || right == 1 {
                result[index] = left
            } else if left == 1 {
                result[index] = right
            } else {
                return nil
            }
        }
        return result
    }

    /// The distance in elements between neighbours along each dimension, row-major.
    static func strides(_ shape: [Int]) -> [Int] {
        var result = Array(repeating: 1, count: shape.count)
        var stride = 1
        for index in shape.indices.reversed() {
            result[index] = stride
            stride *= max(shape[index], 1)
        }
        return result
    }

    /// A dimension counted from the front; negative axes count from the back. nil when outside.
    static func axis(_ axis: Int, rank: Int) -> Int? {
        let index = axis < 0 ? axis + rank : axis
        return index >= 0 && index < rank ? index : nil
    }

    /// `[2, 3]` as people write shapes; a dash stands for a dimension known only at run time.
    static func text(_ shape: [Int]) -> String {
        "[" + shape.map { $0 < 0 ? "-" : String($0) }.joined(separator: ", ") + "]"
    }
}
