import Kernels
import Primitives
import Testing

struct Shape: CustomTestStringConvertible, Sendable {
    let m, k, n: Int
    var testDescription: String { "\(m)×\(k)×\(n)" }
}

/// Around every tile's rows and panels, zero, and past a block of k.
private let shapes: [Shape] = {
    var result: [Shape] = []
    for m in [0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13] {
        for n in [0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65, 95, 96, 97, 161] {
            result.append(Shape(m: m, k: 19, n: n))
        }
    }
    for k in [0, 1, 2, 63, 64, 65, 255, 256, 257, 511, 512, 513, 700, 1030] {
        for m in [1, 3, 6, 8, 17] { result.append(Shape(m: m, k: k, n: 37)) }
    }
    result.append(Shape(m: 193, k: 300, n: 40))
    result.append(Shape(m: 400, k: 257, n: 17))
    return result
}()

@Test(arguments: KernelSet.all) func gemmGivesTheReferencesBits(kernels: KernelSet) {
    var random = SeededGenerator(1)
    for shape in shapes {
        let a = random.floats(shape.m * shape.k)
        let b = random.floats(shape.k * shape.n)
        let bias = random.floats(shape.n)
        let weights = PackedMatrix(packing: b.span, k: shape.k, n: shape.n, transposed: false)
        for (bias, activation) in [(nil, .none), (bias, .relu)] as [([Float]?, Activation)] {
            let expected = kernels.reference(
                a: a, m: shape.m, k: shape.k, b: b, n: shape.n, bias: bias, activation: activation)
            let actual = kernels.product(
                a, m: shape.m, weights, bias: bias, activation: activation)
            #expect(bits(actual) == bits(expected), "\(shape.testDescription)")
        }
    }
}

@Test(arguments: KernelSet.all) func matmulGivesTheReferencesBits(kernels: KernelSet) {
    var random = SeededGenerator(2)
    for shape in shapes {
        let a = random.floats(shape.m * shape.k)
        let b = random.floats(shape.k * shape.n)
        let expected = kernels.reference(a: a, m: shape.m, k: shape.k, b: b, n: shape.n)
        var c = [Float](repeating: .nan, count: shape.m * shape.n)
        var target = c.mutableSpan
        kernels.matmul(
            a: a.span, m: shape.m, k: shape.k, b: b.span, n: shape.n, c: &target)
        #expect(bits(c) == bits(expected), "\(shape.testDescription)")
    }
}

/// Promise 1: a row alone, and in a batch of any size at any place, has the same bits.
@Test(arguments: KernelSet.all, [(512, 512), (64, 100), (300, 10), (4, 3), (33, 161)])
func gemmRowsDoNotDependOnTheBatch(kernels: KernelSet, size: (k: Int, n: Int)) {
    var random = SeededGenerator(3)
    let weights = PackedMatrix(
        packing: random.floats(size.k * size.n).span, k: size.k, n: size.n, transposed: false)
    let bias = random.floats(size.n)
    for activation in Activation.allCases {
        for _ in 0..<6 {
            let m = Int.random(in: 1...70, using: &random)
            let a = random.floats(m * size.k)
            let batch = kernels.product(a, m: m, weights, bias: bias, activation: activation)
            for row in 0..<m {
                let alone = kernels.product(
                    Array(a[row * size.k..<(row + 1) * size.k]), m: 1, weights, bias: bias,
                    activation: activation)
                let inBatch = batch[row * size.n..<(row + 1) * size.n]
                #expect(bits(alone) == bits(inBatch), "row \(row) of \(m), \(activation)")
            }
        }
    }
}

@Test(arguments: KernelSet.all) func matmulGivesThePackedProductsBits(kernels: KernelSet) {
    var random = SeededGenerator(4)
    let (m, k, n) = (9, 515, 77)
    let a = random.floats(m * k)
    let b = random.floats(k * n)
    var c = [Float](repeating: .nan, count: m * n)
    var target = c.mutableSpan
    kernels.matmul(a: a.span, m: m, k: k, b: b.span, n: n, c: &target)
    let weights = PackedMatrix(packing: b.span, k: k, n: n, transposed: false)
    #expect(bits(c) == bits(kernels.product(a, m: m, weights)))
}

@Test(arguments: KernelSet.all) func gemmWritesOnlyItsRowsWhenStrided(kernels: KernelSet) {
    var random = SeededGenerator(5)
    let (m, k, n, lda, ldc) = (7, 21, 18, 25, 30)
    let a = random.floats((m - 1) * lda + k)
    let b = random.floats(k * n)
    let weights = PackedMatrix(packing: b.span, k: k, n: n, transposed: false)
    var dense: [Float] = []
    for row in 0..<m { dense += a[row * lda..<row * lda + k] }
    let expected = kernels.product(dense, m: m, weights)
    var c = [Float](repeating: 5, count: (m - 1) * ldc + n)
    var target = c.mutableSpan
    kernels.gemm(a: a.span, m: m, aStride: lda, b: weights, c: &target, cStride: ldc)
    for row in 0..<m {
        for column in 0..<min(ldc, c.count - row * ldc) {
            let value = c[row * ldc + column]
            #expect(value == (column < n ? expected[row * n + column] : 5))
        }
    }
}

@Test func transposedPackingReadsRowsAsColumns() {
    var random = SeededGenerator(6)
    let (m, k, n) = (3, 20, 19)
    let a = random.floats(m * k)
    let b = random.floats(k * n)
    var turned = [Float](repeating: 0, count: k * n)
    var target = turned.mutableSpan
    KernelSet.best.transpose(b.span, rows: k, columns: n, y: &target)
    let plain = PackedMatrix(packing: b.span, k: k, n: n, transposed: false)
    let transposed = PackedMatrix(packing: turned.span, k: k, n: n, transposed: true)
    #expect(
        bits(KernelSet.best.product(a, m: m, plain))
            == bits(KernelSet.best.product(a, m: m, transposed)))
    let doubled = PackedMatrix(packing: b.span, k: k, n: n, transposed: false, scale: 2)
    #expect(
        KernelSet.best.product(a, m: m, doubled)
            == KernelSet.best.product(a, m: m, plain).map { 2 * $0 })
}

@Test(arguments: KernelSet.all) func transposeMovesEveryElement(kernels: KernelSet) {
    for (rows, columns) in [(0, 0), (1, 1), (1, 9), (8, 8), (7, 17), (33, 20)] {
        let x = (0..<rows * columns).map(Float.init)
        var y = [Float](repeating: -1, count: x.count)
        var target = y.mutableSpan
        kernels.transpose(x.span, rows: rows, columns: columns, y: &target)
        for row in 0..<rows {
            for column in 0..<columns {
                #expect(y[column * rows + row] == x[row * columns + column])
            }
        }
    }
}
