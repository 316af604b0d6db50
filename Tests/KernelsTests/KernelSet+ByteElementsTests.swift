import Kernels
import KernelsPortable
import Primitives
import Testing

private let scales: [ByteScale] = [
    ByteScale(scale: 0.25, zeroPoint: 0, isSigned: false),
    ByteScale(scale: 0.1, zeroPoint: 128, isSigned: false),
    ByteScale(scale: 3, zeroPoint: 255, isSigned: false),
    ByteScale(scale: 0.5, zeroPoint: 0, isSigned: true),
    ByteScale(scale: 0.037, zeroPoint: -128, isSigned: true),
    ByteScale(scale: 7, zeroPoint: 127, isSigned: true),
]

@Test(arguments: KernelSet.allBytes) func numbersAreQuantizedHalvesToEven(kernels: KernelSet) {
    var random = SeededGenerator(11)
    for scale in scales {
        for count in [0, 1, 15, 16, 17, 33, 200] {
            var x = random.floats(count, in: -40...40)
            // Halves, ends and what is no number.
            let special: [Float] = [
                0.5, 1.5, 2.5, -0.5, -1.5, 1e9, -1e9, .infinity, -.infinity, .nan, -0,
            ]
            for index in 0..<min(count, special.count) { x[index] = special[index] * scale.scale }
            var y = [UInt8](repeating: 3, count: count)
            var target = y.mutableSpan
            kernels.quantize(x.span, scale, y: &target)
            let wanted = x.map {
                Reference.quantized(
                    $0 / scale.scale, zero: scale.zeroPoint, isSigned: scale.isSigned)
            }
            #expect(numbers(y, isSigned: scale.isSigned) == wanted)
        }
    }
}

@Test(arguments: KernelSet.allBytes) func bytesAreDequantizedExactly(kernels: KernelSet) {
    let all = (0...255).map { UInt8($0) }
    for scale in scales {
        for count in [0, 1, 15, 17, 256] {
            let x = Array(all.suffix(count))
            var y = [Float](repeating: .nan, count: count)
            var target = y.mutableSpan
            kernels.dequantize(x.span, scale, y: &target)
            let wanted = numbers(x, isSigned: scale.isSigned).map {
                Float($0 - scale.zeroPoint) * scale.scale
            }
            #expect(y == wanted)
        }
    }
}

@Test(arguments: KernelSet.allBytes, [false, true])
func rowsHaveAScaleAndAZeroPointAColumn(kernels: KernelSet, isSigned: Bool) {
    var random = SeededGenerator(12)
    for columns in [1, 5, 16, 19, 40] {
        let rows = 3
        let scales = random.floats(columns, in: 0.01...2)
        let least = isSigned ? -128 : 0
        let points = (0..<columns).map { least + $0 * 255 / max(columns - 1, 1) }
        let zeros = points.map { Float($0) }
        var x = random.floats(rows * columns, in: -300...300)
        x[0] = 2.5 * scales[0]
        x[x.count - 1] = .nan
        for hasZeros in [false, true] {
            var y = [UInt8](repeating: 3, count: x.count)
            var target = y.mutableSpan
            kernels.quantizeRows(
                x.span, scales: scales.span, zeros: hasZeros ? zeros.span : nil,
                isSigned: isSigned, y: &target)
            let found = numbers(y, isSigned: isSigned)
            var back = [Float](repeating: .nan, count: x.count)
            var backTarget = back.mutableSpan
            kernels.dequantizeRows(
                y.span, scales: scales.span, zeros: hasZeros ? zeros.span : nil,
                isSigned: isSigned, y: &backTarget)
            for place in x.indices {
                let column = place % columns
                let zero = hasZeros ? points[column] : 0
                let far = Swift.min(Swift.max(x[place] / scales[column], -1024), 1024)
                let wanted =
                    x[place].isNaN
                    ? Reference.quantized(-1024, zero: zero, isSigned: isSigned)
                    : Reference.quantized(far, zero: zero, isSigned: isSigned)
                #expect(found[place] == wanted)
                #expect(back[place] == Float(found[place] - zero) * scales[column])
            }
        }
    }
}

@Test(arguments: KernelSet.allBytes, [false, true])
func pairsAreComputedInFloatAndQuantized(kernels: KernelSet, isProduct: Bool) {
    var random = SeededGenerator(13)
    for (a, b) in zip(scales, scales.reversed()) {
        for count in [1, 16, 47] {
            let (x, z) = (random.bytes(count), random.bytes(count))
            let result = scales[count % scales.count]
            var y = [UInt8](repeating: 3, count: count)
            var target = y.mutableSpan
            kernels.pair(x.span, a, z.span, b, isProduct: isProduct, result, y: &target)
            let (left, right) = (
                numbers(x, isSigned: a.isSigned), numbers(z, isSigned: b.isSigned)
            )
            for place in 0..<count {
                let p = Float(left[place] - a.zeroPoint) * a.scale
                let q = Float(right[place] - b.zeroPoint) * b.scale
                let wanted = Reference.quantized(
                    (isProduct ? p * q : p + q) / result.scale, zero: result.zeroPoint,
                    isSigned: result.isSigned)
                #expect(numbers([y[place]], isSigned: result.isSigned)[0] == wanted)
            }
        }
    }
}

@Test(arguments: KernelSet.allBytes) func theRangeHasZeroInIt(kernels: KernelSet) {
    var random = SeededGenerator(14)
    for count in [0, 1, 15, 16, 17, 100] {
        for shift in [-5, 0, 5] as [Float] {
            let x = random.floats(count).map { $0 + shift }
            let (low, high) = kernels.range(x.span)
            #expect(low == min(0, x.min() ?? 0) && high == max(0, x.max() ?? 0))
        }
    }
    let (low, high) = kernels.range([.nan, 2, .nan, -3].span)
    #expect(low == -3 && high == 2)
}

@Test func aTableIsLookedUpByte() {
    var random = SeededGenerator(15)
    let (x, table) = (random.bytes(99), random.bytes(256))
    var y = [UInt8](repeating: 3, count: 99)
    var target = y.mutableSpan
    KernelSet.best.map(x.span, table: table.span, y: &target)
    #expect(y == x.map { table[Int($0)] })
}
