import Kernels
import KernelsPortable
import Primitives
import Testing

private let widths = [1, 2, 7, 8, 9, 10, 15, 16, 17, 31, 100, 1000]

private func softmax(_ kernels: KernelSet, _ x: [Float], rows: Int, columns: Int) -> [Float] {
    var y = [Float](repeating: .nan, count: x.count)
    var target = y.mutableSpan
    kernels.softmax(x.span, rows: rows, columns: columns, y: &target)
    return y
}

private func logSoftmax(_ kernels: KernelSet, _ x: [Float], rows: Int, columns: Int) -> [Float] {
    var y = [Float](repeating: .nan, count: x.count)
    var target = y.mutableSpan
    kernels.logSoftmax(x.span, rows: rows, columns: columns, y: &target)
    return y
}

@Test(arguments: KernelSet.all) func softmaxIsCloseToItsReference(kernels: KernelSet) {
    var random = SeededGenerator(10)
    for columns in widths {
        for scale: Float in [0.01, 1, 30, 1000] {
            let x = random.floats(3 * columns, in: -scale...scale)
            let y = softmax(kernels, x, rows: 3, columns: columns)
            let expected = Reference.softmax(x, rows: 3, columns: columns)
            // x - max is rounded to float32 before the exponential.
            let relative = 1e-6 + 2 * scale * Float.ulpOfOne / 2
            for (actual, exact) in zip(y, expected) {
                #expect(abs(actual - exact) <= relative * exact + 1e-37)
            }
            let z = logSoftmax(kernels, x, rows: 3, columns: columns)
            let logarithms = Reference.logSoftmax(x, rows: 3, columns: columns)
            for (actual, exact) in zip(z, logarithms) {
                #expect(abs(actual - exact) <= 1e-6 * max(abs(exact), 1))
            }
        }
    }
}

@Test(arguments: KernelSet.all) func softmaxRowsDoNotDependOnTheBatch(kernels: KernelSet) {
    var random = SeededGenerator(11)
    for columns in widths {
        let rows = Int.random(in: 1...70, using: &random)
        let x = random.floats(rows * columns, in: -20...20)
        let y = softmax(kernels, x, rows: rows, columns: columns)
        let z = logSoftmax(kernels, x, rows: rows, columns: columns)
        for row in 0..<rows {
            let part = row * columns..<(row + 1) * columns
            let alone = softmax(kernels, Array(x[part]), rows: 1, columns: columns)
            #expect(bits(alone) == bits(y[part]))
            let other = logSoftmax(kernels, Array(x[part]), rows: 1, columns: columns)
            #expect(bits(other) == bits(z[part]))
        }
        var inPlace = x
        do {
            var target = inPlace.mutableSpan
            kernels.softmax(inPlace: &target, rows: rows, columns: columns)
        }
        #expect(bits(inPlace) == bits(y))
        inPlace = x
        do {
            var target = inPlace.mutableSpan
            kernels.logSoftmax(inPlace: &target, rows: rows, columns: columns)
        }
        #expect(bits(inPlace) == bits(z))
    }
}

@Test(arguments: KernelSet.all) func softmaxOfOddRows(kernels: KernelSet) {
    let infinity = Float.infinity
    #expect(softmax(kernels, [], rows: 0, columns: 4) == [])
    #expect(softmax(kernels, [], rows: 4, columns: 0) == [])
    #expect(softmax(kernels, [1e38, -1e38], rows: 1, columns: 2) == [1, 0])
    #expect(softmax(kernels, [5, -infinity, 5], rows: 1, columns: 3) == [0.5, 0, 0.5])
    for row: [Float] in [[.nan, 1], [infinity, 1], [-infinity, -infinity]] {
        #expect(softmax(kernels, row, rows: 1, columns: 2)[0].isNaN)
    }
}

@Test(arguments: KernelSet.all) func scalerSubtractsAndMultiplies(kernels: KernelSet) {
    var random = SeededGenerator(12)
    for columns in widths {
        let x = random.floats(2 * columns)
        let (offset, scale) = (random.floats(columns), random.floats(columns))
        var y = [Float](repeating: .nan, count: x.count)
        do {
            var target = y.mutableSpan
            kernels.scale(
                x.span, rows: 2, columns: columns, offset: offset.span, scale: scale.span,
                y: &target)
        }
        let expected = x.indices.map { (x[$0] - offset[$0 % columns]) * scale[$0 % columns] }
        #expect(bits(y) == bits(expected))
        do {
            let one: [Float] = [0.5]
            var target = y.mutableSpan
            kernels.scale(
                x.span, rows: 2, columns: columns, offset: one.span, scale: one.span, y: &target)
        }
        #expect(bits(y) == bits(x.map { ($0 - 0.5) * 0.5 }))
    }
}

@Test(arguments: KernelSet.all, Norm.allCases)
func normalizerDividesByTheNorm(kernels: KernelSet, norm: Norm) {
    var random = SeededGenerator(13)
    for columns in widths {
        let rows = 5
        var x = random.floats(rows * columns, in: -3...3)
        for column in 0..<columns { x[column] = 0 }
        var y = [Float](repeating: .nan, count: x.count)
        do {
            var target = y.mutableSpan
            kernels.normalize(x.span, rows: rows, columns: columns, norm: norm, y: &target)
        }
        let expected = Reference.normalize(x, rows: rows, columns: columns, norm: norm)
        for (actual, exact) in zip(y, expected) {
            #expect(abs(actual - exact) <= 1e-6 * abs(exact))
        }
        for row in 0..<rows {
            let part = row * columns..<(row + 1) * columns
            let source = Array(x[part])
            var alone = source
            var target = alone.mutableSpan
            kernels.normalize(source.span, rows: 1, columns: columns, norm: norm, y: &target)
            #expect(bits(alone) == bits(y[part]))
        }
    }
}

@Test(arguments: KernelSet.all) func argmaxTakesTheFirstOfEquals(kernels: KernelSet) {
    let x: [Float] = [1, 3, 3, .nan, 7, 2, -.infinity, -.infinity, -.infinity]
    var y: [Int64] = [-1, -1, -1]
    var target = y.mutableSpan
    kernels.argmax(x.span, rows: 3, columns: 3, y: &target)
    #expect(y == [1, 1, 0])
}

@Test(arguments: KernelSet.all) func rowSumsAreCloseToTheExactSum(kernels: KernelSet) {
    var random = SeededGenerator(14)
    for columns in [0] + widths {
        let x = random.floats(2 * columns, in: 0...1)
        var y: [Float] = [.nan, .nan]
        var target = y.mutableSpan
        kernels.rowSums(x.span, rows: 2, columns: columns, y: &target)
        for row in 0..<2 {
            let exact = x[row * columns..<(row + 1) * columns].reduce(0.0) { $0 + Double($1) }
            #expect(abs(Double(y[row]) - exact) <= 1e-6 * exact)
        }
    }
}
