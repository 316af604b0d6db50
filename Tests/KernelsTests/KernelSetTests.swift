import Kernels
import Primitives
import Testing

@Test func theBestLevelIsSupported() {
    #expect(InstructionSet.best.isSupported)
    #expect(InstructionSet.supported.first == .portable)
    #expect(KernelSet.best.level == InstructionSet.best)
}

/// A size that does not fit its span stops the process before a kernel runs.
@Test func sizesThatDoNotFitTheirSpansAreCaught() async {
    await #expect(processExitsWith: .failure) {
        let a: [Float] = [1, 2, 3]
        let weights = PackedMatrix(packing: a.span, k: 3, n: 1, transposed: false)
        var c: [Float] = [0, 0]
        var target = c.mutableSpan
        KernelSet.best.gemm(a: a.span, m: 2, b: weights, c: &target)
    }
    await #expect(processExitsWith: .failure) {
        let a: [Float] = [1, 2, 3]
        let weights = PackedMatrix(packing: a.span, k: 3, n: 1, transposed: false)
        var c: [Float] = [0]
        var target = c.mutableSpan
        KernelSet.best.gemm(a: a.span, m: -1, b: weights, c: &target)
    }
    await #expect(processExitsWith: .failure) {
        let a: [Float] = [1, 2, 3]
        let weights = PackedMatrix(packing: a.span, k: 3, n: 1, transposed: false)
        var c: [Float] = [0, 0]
        var target = c.mutableSpan
        KernelSet.best.gemm(a: a.span, m: 2, aStride: .max, b: weights, c: &target)
    }
    await #expect(processExitsWith: .failure) {
        let x: [Float] = []
        var y: [Float] = []
        var target = y.mutableSpan
        KernelSet.best.softmax(x.span, rows: 1 << 32, columns: 1 << 32, y: &target)
    }
    await #expect(processExitsWith: .failure) {
        let x: [Float] = [1, 2]
        var y: [Float] = [0]
        var target = y.mutableSpan
        KernelSet.best.unary(.exp, x: x.span, y: &target)
    }
}
