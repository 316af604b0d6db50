/// y = exp(x - max) / Σ exp(x - max), row by row. `y` may be `x`.
///
/// A row that holds NaN or +∞, or only -∞, becomes NaN, as the formula says.
@inline(never)
public func softmaxF32(
    _ x: UnsafePointer<Float>, rows: Int, columns: Int, y: UnsafeMutablePointer<Float>
) {
    for row in 0..<rows {
        let source = x + row * columns
        let target = y + row * columns
        let top = F8(repeating: greatestF32(source, count: columns))
        var lanes = F8(repeating: 0)
        let whole = columns & ~7
        var index = 0
        while index < whole {
            let value = exponential(load(source + index) - top)
            lanes += value
            store(value, target + index)
            index += 8
        }
        let rest = columns - whole
        if rest > 0 {
            // A padding of -∞ adds 0; where top is -∞ too, the row is NaN anyway.
            let value = exponential(
                load(source + whole, count: rest, padding: -.infinity) - top)
            lanes += value
            store(value, target + whole, count: rest)
        }
        let total = F8(repeating: sum(lanes))
        map(UnsafePointer(target), target, columns) { $0 / total }
    }
}

/// y = (x - max) - ln Σ exp(x - max), row by row. `y` may be `x`.
@inline(never)
public func logSoftmaxF32(
    _ x: UnsafePointer<Float>, rows: Int, columns: Int, y: UnsafeMutablePointer<Float>
) {
    for row in 0..<rows {
        let source = x + row * columns
        let top = F8(repeating: greatestF32(source, count: columns))
        var lanes = F8(repeating: 0)
        let whole = columns & ~7
        var index = 0
        while index < whole {
            lanes += exponential(load(source + index) - top)
            index += 8
        }
        let rest = columns - whole
        if rest > 0 {
            lanes += exponential(load(source + whole, count: rest, padding: -.infinity) - top)
        }
        let total = logarithm(F8(repeating: sum(lanes)))
        map(source, y + row * columns, columns) { ($0 - top) - total }
    }
}

/// The greatest of `count` values, -∞ when there is none; a NaN never wins.
@inline(__always)
func greatestF32(_ x: UnsafePointer<Float>, count: Int) -> Float {
    var top = F8(repeating: -.infinity)
    let whole = count & ~7
    var index = 0
    while index < whole {
        top = greater(top, load(x + index))
        index += 8
    }
    let rest = count - whole
    if rest > 0 { top = greater(top, load(x + whole, count: rest, padding: -.infinity)) }
    return greatest(top)
}
