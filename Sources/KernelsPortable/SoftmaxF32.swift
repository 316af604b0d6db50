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
        let top = greatestF32(source, count: columns)
        let total = exponentials(source, minus: top, columns, target)
        divide(target, by: total, columns)
    }
}

/// y = (x - max) - ln Σ exp(x - max), row by row. `y` may be `x`.
@inline(never)
public func logSoftmaxF32(
    _ x: UnsafePointer<Float>, rows: Int, columns: Int, y: UnsafeMutablePointer<Float>
) {
    for row in 0..<rows {
        let source = x + row * columns
        let top = greatestF32(source, count: columns)
        let total = exponentials(source, minus: top, columns, nil)
        subtract(source, top, logarithm(F8(repeating: total)), columns, y + row * columns)
    }
}

// Passes of their own, not inlined: together their constants would not fit the registers.

/// Σ exp(x - top) over the row, in an order that depends on `count` only; stores the terms in `y`.
@inline(never)
func exponentials(
    _ x: UnsafePointer<Float>, minus top: Float, _ count: Int, _ y: UnsafeMutablePointer<Float>?
) -> Float {
    let top = F8(repeating: top)
    var lanes = F8(repeating: 0)
    let whole = count & ~7
    var index = 0
    while index < whole {
        let value = exponential(load(x + index) - top)
        lanes += value
        if let y { store(value, y + index) }
        index += 8
    }
    let rest = count - whole
    if rest > 0 {
        // A padding of -∞ adds 0; where top is -∞ too, the row is NaN anyway.
        let value = exponential(load(x + whole, count: rest, padding: -.infinity) - top)
        lanes += value
        if let y { store(value, y + whole, count: rest) }
    }
    return sum(lanes)
}

@inline(never)
private func divide(_ y: UnsafeMutablePointer<Float>, by total: Float, _ count: Int) {
    let total = F8(repeating: total)
    map(UnsafePointer(y), y, count) { $0 / total }
}

@inline(never)
private func subtract(
    _ x: UnsafePointer<Float>, _ top: Float, _ logarithm: F8, _ count: Int,
    _ y: UnsafeMutablePointer<Float>
) {
    let top = F8(repeating: top)
    map(x, y, count) { ($0 - top) - logarithm }
}

/// The greatest of `count` values, -∞ when there is none; a NaN never wins.
@inline(never)
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
