import Glibc
import Kernels
import Primitives
import Testing

@Test(arguments: KernelSet.all) func layerNormAgreesWithFloat64(kernels: KernelSet) {
    var random = SeededGenerator(91)
    for columns in [1, 7, 8, 9, 31, 384] {
        let rows = 3
        let x = random.floats(rows * columns, in: -3...5)
        let (scale, shift) = (random.floats(columns), random.floats(columns))
        for isCentered in [true, false] {
            var y = [Float](repeating: .nan, count: x.count)
            var target = y.mutableSpan
            kernels.layerNorm(
                x.span, rows: rows, columns: columns, epsilon: 1e-5, isCentered: isCentered,
                scale: scale.span, shift: isCentered ? shift.span : nil, y: &target)
            for row in 0..<rows {
                let line = x[row * columns..<(row + 1) * columns].map { Double($0) }
                let mean = isCentered ? line.reduce(0, +) / Double(columns) : 0
                let square = line.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(columns)
                for column in 0..<columns {
                    let value =
                        (line[column] - mean) / (square + 1e-5).squareRoot() * Double(scale[column])
                        + (isCentered ? Double(shift[column]) : 0)
                    #expect(abs(Double(y[row * columns + column]) - value) < 2e-5)
                }
            }
        }
    }
}

@Test(arguments: KernelSet.all) func cellsOfLSTMAgreeWithFloat64(kernels: KernelSet) {
    var random = SeededGenerator(92)
    for hidden in [1, 8, 13] {
        let rows = 2
        let gates = random.floats(rows * 4 * hidden, in: -4...4)
        let before = random.floats(rows * hidden)
        var c = before
        var h = [Float](repeating: .nan, count: c.count)
        var (cTarget, hTarget) = (c.mutableSpan, h.mutableSpan)
        kernels.lstmCell(gates: gates.span, rows: rows, hidden: hidden, c: &cTarget, h: &hTarget)
        func logistic(_ x: Float) -> Double { 1 / (1 + exp(-Double(x))) }
        for row in 0..<rows {
            for place in 0..<hidden {
                let at = row * 4 * hidden + place
                let next =
                    logistic(gates[at + 2 * hidden]) * Double(before[row * hidden + place])
                    + logistic(gates[at]) * tanh(Double(gates[at + 3 * hidden]))
                let out = logistic(gates[at + hidden]) * tanh(next)
                #expect(abs(Double(c[row * hidden + place]) - next) < 1e-6)
                #expect(abs(Double(h[row * hidden + place]) - out) < 1e-6)
            }
        }
    }
}
