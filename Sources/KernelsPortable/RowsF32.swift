import Glibc
import Primitives

public func softmaxF32(
    _ x: UnsafePointer<Float>, rows: Int, columns: Int, y: UnsafeMutablePointer<Float>
) {
    for row in 0..<rows {
        let (x, y) = (x + row * columns, y + row * columns)
        var top = -Float.infinity
        for index in 0..<columns { top = max(top, x[index]) }
        var sum: Float = 0
        for index in 0..<columns {
            y[index] = Reference.unary(.exp, x[index] - top)
            sum += y[index]
        }
        for index in 0..<columns { y[index] /= sum }
    }
}

public func logSoftmaxF32(
    _ x: UnsafePointer<Float>, rows: Int, columns: Int, y: UnsafeMutablePointer<Float>
) {
    for row in 0..<rows {
        let (x, y) = (x + row * columns, y + row * columns)
        var top = -Float.infinity
        for index in 0..<columns { top = max(top, x[index]) }
        var sum: Float = 0
        for index in 0..<columns { sum += Reference.unary(.exp, x[index] - top) }
        let logarithm = Reference.unary(.log, sum)
        for index in 0..<columns { y[index] = (x[index] - top) - logarithm }
    }
}

public func scaleF32(
    _ x: UnsafePointer<Float>, rows: Int, columns: Int, offset: UnsafePointer<Float>,
    offsetStep: Int, scale: UnsafePointer<Float>, scaleStep: Int, y: UnsafeMutablePointer<Float>
) {
    for row in 0..<rows {
        let (x, y) = (x + row * columns, y + row * columns)
        for index in 0..<columns {
            y[index] = (x[index] - offset[index * offsetStep]) * scale[index * scaleStep]
        }
    }
}

public func normalizeF32(
    _ x: UnsafePointer<Float>, rows: Int, columns: Int, norm: Norm, y: UnsafeMutablePointer<Float>
) {
    for row in 0..<rows {
        let (x, y) = (x + row * columns, y + row * columns)
        var total: Float = norm == .max ? -.greatestFiniteMagnitude : 0
        for index in 0..<columns {
            switch norm {
            case .max: total = max(total, x[index])
            case .l1: total += abs(x[index])
            case .l2: total += x[index] * x[index]
            }
        }
        if norm == .l2 { total = total.squareRoot() }
        for index in 0..<columns { y[index] = total == 0 ? x[index] : x[index] / total }
    }
}

public func argmaxF32(
    _ x: UnsafePointer<Float>, rows: Int, columns: Int, y: UnsafeMutablePointer<Int64>
) {
    for row in 0..<rows {
        let x = x + row * columns
        var best = -Float.infinity
        var place = 0
        for index in 0..<columns where x[index] > best {
            best = x[index]
            place = index
        }
        y[row] = Int64(place)
    }
}

public func rowSumsF32(
    _ x: UnsafePointer<Float>, rows: Int, columns: Int, y: UnsafeMutablePointer<Float>
) {
    for row in 0..<rows {
        var sum: Float = 0
        for index in 0..<columns { sum += x[row * columns + index] }
        y[row] = sum
    }
}
