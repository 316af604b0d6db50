import Primitives

/// Σ body(x[i]), the lanes first, then across them: an order that depends on `count` only.
/// `body` adds its argument's share to the sum; a zero must add nothing.
@inline(__always)
private func reduce(
    _ x: UnsafePointer<Float>, _ count: Int, _ body: (_ sum: F8, _ value: F8) -> F8
) -> Float {
    var lanes = F8(repeating: 0)
    let whole = count & ~7
    var index = 0
    while index < whole {
        lanes = body(lanes, load(x + index))
        index += 8
    }
    let rest = count - whole
    if rest > 0 { lanes = body(lanes, load(x + whole, count: rest)) }
    return sum(lanes)
}

/// y[r] = Σ of row r.
@inline(never)
public func rowSumsF32(
    _ x: UnsafePointer<Float>, rows: Int, columns: Int, y: UnsafeMutablePointer<Float>
) {
    for row in 0..<rows { y[row] = reduce(x + row * columns, columns) { $0 + $1 } }
}

/// y = row / norm of the row; a row whose norm is 0 is copied.
@inline(never)
public func normalizeF32(
    _ x: UnsafePointer<Float>, rows: Int, columns: Int, norm: Norm, y: UnsafeMutablePointer<Float>
) {
    for row in 0..<rows {
        let source = x + row * columns
        let total: Float =
            switch norm {
            case .max: greatestF32(source, count: columns)
            case .l1: reduce(source, columns) { $0 + magnitude($1) }
            case .l2: reduce(source, columns) { multiplyAdd($0, $1, $1) }.squareRoot()
            }
        let divisor = F8(repeating: total == 0 ? 1 : total)
        map(source, y + row * columns, columns) { $0 / divisor }
    }
}

/// y = (x - offset) · scale; a step of 0 uses the first offset (scale) for every column.
@inline(never)
public func scaleF32(
    _ x: UnsafePointer<Float>, rows: Int, columns: Int, offset: UnsafePointer<Float>,
    offsetStep: Int, scale: UnsafePointer<Float>, scaleStep: Int, y: UnsafeMutablePointer<Float>
) {
    for row in 0..<rows {
        let source = x + row * columns
        let target = y + row * columns
        for index in 0..<columns {
            target[index] =
                (source[index] - offset[index * offsetStep]) * scale[index * scaleStep]
        }
    }
}

/// y[r] = the first column of row r's greatest value; 0 when nothing exceeds -∞.
@inline(never)
public func argmaxF32(
    _ x: UnsafePointer<Float>, rows: Int, columns: Int, y: UnsafeMutablePointer<Int64>
) {
    for row in 0..<rows {
        let source = x + row * columns
        var best = -Float.infinity
        var place = 0
        for index in 0..<columns where source[index] > best {
            best = source[index]
            place = index
        }
        y[row] = Int64(place)
    }
}

/// y = the transpose of x, in blocks of 8 × 8, so that both sides use whole cache lines.
@inline(never)
public func transposeF32(
    _ x: UnsafePointer<Float>, rows: Int, columns: Int, y: UnsafeMutablePointer<Float>
) {
    var top = 0
    while top < rows {
        let bottom = min(top + 8, rows)
        var left = 0
        while left < columns {
            for column in left..<min(left + 8, columns) {
                for row in top..<bottom { y[column * rows + row] = x[row * columns + column] }
            }
            left += 8
        }
        top = bottom
    }
}

/// y = (x - mean) / √(variance + ε) · scale + shift, row by row; x / √(mean of squares + ε) · scale
/// unless `isCentered`. Two passes over a row, in an order that depends on `columns` only.
@inline(never)
public func layerNormF32(
    _ x: UnsafePointer<Float>, rows: Int, columns: Int, epsilon: Float, isCentered: Bool,
    scale: UnsafePointer<Float>, shift: UnsafePointer<Float>?, y: UnsafeMutablePointer<Float>
) {
    let count = Float(columns)
    for row in 0..<rows {
        let source = x + row * columns
        let target = y + row * columns
        let mean = isCentered ? reduce(source, columns) { $0 + $1 } / count : 0
        let center = F8(repeating: mean)
        let whole = columns & ~7
        var squares = F8(repeating: 0)
        var index = 0
        while index < whole {
            let distance = load(source + index) - center
            squares = multiplyAdd(squares, distance, distance)
            index += 8
        }
        let rest = columns - whole
        if rest > 0 {
            let distance = load(source + whole, count: rest, padding: mean) - center
            squares = multiplyAdd(squares, distance, distance)
        }
        let factor = F8(repeating: 1 / (sum(squares) / count + epsilon).squareRoot())
        index = 0
        while index < whole {
            var value = (load(source + index) - center) * factor * load(scale + index)
            if let shift { value += load(shift + index) }
            store(value, target + index)
            index += 8
        }
        if rest > 0 {
            let part = (load(source + whole, count: rest) - center) * factor
            var value = part * load(scale + whole, count: rest)
            if let shift { value += load(shift + whole, count: rest) }
            store(value, target + whole, count: rest)
        }
    }
}
