import Primitives

public func gemmF32(
    a: UnsafePointer<Float>, lda: Int, m: Int, k: Int, b: UnsafePointer<Float>, n: Int,
    bias: UnsafePointer<Float>?, activation: Activation, c: UnsafeMutablePointer<Float>, ldc: Int
) {
    for row in 0..<m {
        for column in 0..<n {
            let panel = b + (column / 16) * 16 * k + column % 16
            var sum: Float = 0
            for index in 0..<k { sum = multiplyAdd(sum, a[row * lda + index], panel[index * 16]) }
            if let bias { sum += bias[column] }
            c[row * ldc + column] = Reference.activate(activation, sum)
        }
    }
}

public func matmulF32(
    a: UnsafePointer<Float>, m: Int, k: Int, b: UnsafePointer<Float>, n: Int,
    c: UnsafeMutablePointer<Float>
) {
    for row in 0..<m {
        for column in 0..<n {
            var sum: Float = 0
            for index in 0..<k {
                sum = multiplyAdd(sum, a[row * k + index], b[index * n + column])
            }
            c[row * n + column] = sum
        }
    }
}

public func transposeF32(
    _ x: UnsafePointer<Float>, rows: Int, columns: Int, y: UnsafeMutablePointer<Float>
) {
    for row in 0..<rows {
        for column in 0..<columns { y[column * rows + row] = x[row * columns + column] }
    }
}
