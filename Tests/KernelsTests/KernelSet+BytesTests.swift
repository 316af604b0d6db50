import Kernels
import KernelsPortable
import Primitives
import Testing

/// A product of bytes in every form: signs, zero points, sizes.
private struct Case: CustomTestStringConvertible, Sendable {
    var m = 7
    var k = 21
    var n = 37
    var isASigned = false
    var isBSigned = true
    var aZero = 0
    var bZeros: [Int] = []

    var testDescription: String {
        "\(m)×\(k)×\(n) \(isASigned)/\(isBSigned) \(aZero) \(bZeros)"
    }
}

/// Around every tile's rows and panels, runs of every rest, and both signs with the zero points that are
/// met: none, the middle, the ends, and one a column.
private let cases: [Case] = {
    var result: [Case] = []
    for m in [1, 2, 3, 4, 5, 6, 7, 8, 12, 13] {
        for n in [1, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65, 80, 97, 129] {
            result.append(Case(m: m, k: 13, n: n, aZero: 3))
        }
    }
    for k in [1, 2, 3, 4, 5, 6, 7, 8, 63, 64, 65, 600] { result.append(Case(m: 7, k: k, n: 70)) }
    for isASigned in [false, true] {
        for isBSigned in [false, true] {
            let (a, b) = (isASigned ? -128 : 0, isBSigned ? -128 : 0)
            for aZero in [a, a + 128, a + 255, a + 5] {
                for zeros in [[], [b], [b + 128], [b + 255], (0..<37).map { b + $0 * 6 }] {
                    result.append(
                        Case(
                            isASigned: isASigned, isBSigned: isBSigned, aZero: aZero,
                            bZeros: zeros))
                }
            }
        }
    }
    result.append(Case(m: 200, k: 40, n: 20, isASigned: true, aZero: 9, bZeros: [2]))
    result.append(Case(m: 0, k: 4, n: 3))
    return result
}()

@Test(arguments: KernelSet.allBytes) func sumsOfBytesAreExact(kernels: KernelSet) {
    var random = SeededGenerator(1)
    for test in cases {
        let (a, b) = (random.bytes(test.m * test.k), random.bytes(test.n * test.k))
        let expected = Reference.byteSums(
            a: numbers(a, isSigned: test.isASigned), m: test.m, k: test.k, aZero: test.aZero,
            b: numbers(b, isSigned: test.isBSigned), n: test.n, bZeros: test.bZeros)
        let packed = PackedBytes(
            packing: b.span, isSigned: test.isBSigned, taps: 1, run: test.k, n: test.n,
            zeros: test.bZeros)
        let scale = ByteScale(scale: 1, zeroPoint: test.aZero, isSigned: test.isASigned)
        for folds in [false, true] {
            let ending = ByteEnding(
                columns: test.n, folding: folds ? (filters: packed, left: scale) : nil)
            var c = [Int32](repeating: 77, count: test.m * test.n)
            var target = c.mutableSpan
            kernels.multiply(
                a.span, .init(matrix: test.m, test.k, scale: scale), tapOffsets: [0].span,
                packed, ending,
                .init(rows: 0..<test.m, columns: 0..<test.n, stride: test.n), y: &target)
            #expect(c == expected, "\(test.testDescription)")
        }
    }
}

/// Sums that leave int32 come back at its other end, as the standard's arithmetic does.
@Test(arguments: KernelSet.allBytes) func sumsThatOverflowWrap(kernels: KernelSet) {
    let k = 34_000
    let (a, b) = ([UInt8](repeating: 255, count: k), [UInt8](repeating: 255, count: k))
    let packed = PackedBytes(packing: b.span, isSigned: false, taps: 1, run: k, n: 1)
    let scale = ByteScale(scale: 1, zeroPoint: 0, isSigned: false)
    var c: [Int32] = [0]
    var target = c.mutableSpan
    kernels.multiply(
        a.span, .init(matrix: 1, k, scale: scale), tapOffsets: [0].span, packed,
        ByteEnding(columns: 1), .init(rows: 0..<1, columns: 0..<1, stride: 1), y: &target)
    #expect(c == [Int32(truncatingIfNeeded: 255 * 255 * k)])
    #expect(c[0] < 0)
}

@Test(arguments: KernelSet.allBytes) func sumsAreQuantizedAsTheReferenceDoes(kernels: KernelSet) {
    var random = SeededGenerator(2)
    let (m, k, n) = (9, 30, 53)
    for isSigned in [false, true] {
        let (a, b) = (random.bytes(m * k), random.bytes(n * k))
        let bias = (0..<n).map { _ in Int32.random(in: -9999...9999, using: &random) }
        // Powers of two make halves, which go to even.
        let scales: [Float] = (0..<n).map { $0 % 3 == 0 ? 0.001953125 : Float($0) / 4096 }
        let addends = random.floats(n, in: -3...3)
        let left = ByteScale(scale: 0.5, zeroPoint: 7, isSigned: false)
        let result = ByteScale(scale: 1, zeroPoint: isSigned ? -3 : 100, isSigned: isSigned)
        let packed = PackedBytes(packing: b.span, isSigned: true, taps: 1, run: k, n: n)
        let ending = ByteEnding(
            columns: n, bias: bias, scales: scales, addends: addends, result: result)
        let part = KernelSet.BytePart(rows: 0..<m, columns: 0..<n, stride: n)
        let rows = KernelSet.ByteRows(matrix: m, k, scale: left, factor: 0.5)
        var bytes = [UInt8](repeating: 9, count: m * n)
        var byteTarget = bytes.mutableSpan
        kernels.multiply(
            a.span, rows, tapOffsets: [0].span, packed, ending, part, y: &byteTarget)
        var reals = [Float](repeating: .nan, count: m * n)
        var realTarget = reals.mutableSpan
        kernels.multiply(
            a.span, rows, tapOffsets: [0].span, packed, ending, part, y: &realTarget)
        let sums = Reference.byteSums(
            a: numbers(a, isSigned: false), m: m, k: k, aZero: 7,
            b: numbers(b, isSigned: true), n: n, bZeros: [])
        for place in sums.indices {
            let column = place % n
            let units =
                Float(sums[place] &+ bias[column]) * (scales[column] * 0.5) + addends[column]
            #expect(reals[place] == units)
            let wanted = Reference.quantized(
                units, zero: result.zeroPoint, isSigned: isSigned)
            #expect(numbers([bytes[place]], isSigned: isSigned)[0] == wanted)
        }
    }
}

/// A clamp in the ending is one behind it, and what is no number becomes the least byte.
@Test(arguments: KernelSet.allBytes) func resultsStayInsideOfTheirRange(kernels: KernelSet) {
    let (a, b): ([UInt8], [UInt8]) = ([0, 10, 20, 40], [1])
    let packed = PackedBytes(packing: b.span, isSigned: true, taps: 1, run: 1, n: 1)
    func products(_ scale: Float, _ range: ClosedRange<Int>) -> [UInt8] {
        let ending = ByteEnding(
            columns: 1, scales: [scale],
            result: ByteScale(scale: 1, zeroPoint: 4, isSigned: false), range: range)
        var c: [UInt8] = [1, 1, 1, 1]
        var target = c.mutableSpan
        kernels.multiply(
            a.span,
            .init(matrix: 4, 1, scale: ByteScale(scale: 1, zeroPoint: 10, isSigned: false)),
            tapOffsets: [0].span, packed, ending,
            .init(rows: 0..<4, columns: 0..<1, stride: 1), y: &target)
        return c
    }
    #expect(products(1, 0...255) == [0, 4, 14, 34])
    #expect(products(1, 4...20) == [4, 4, 14, 20])
    #expect(products(.infinity, 0...255) == [0, 0, 255, 255])
    #expect(products(.nan, 3...255) == [3, 3, 3, 3])
}

/// Promise 1, and the parts of a team: any rows and columns, computed alone, are the whole's.
@Test(arguments: KernelSet.allBytes) func partsOfAProductOfBytesAreThoseOfTheWhole(
    kernels: KernelSet
) {
    var random = SeededGenerator(3)
    let (m, k, n) = (23, 50, 100)
    let (a, b) = (random.bytes(m * k), random.bytes(n * k))
    let packed = PackedBytes(
        packing: b.span, isSigned: false, taps: 1, run: k, n: n, zeros: [99])
    let rows = KernelSet.ByteRows(
        matrix: m, k, scale: ByteScale(scale: 1, zeroPoint: -5, isSigned: true))
    let ending = ByteEnding(columns: n)
    func product(_ rowRange: Range<Int>, _ columns: Range<Int>, into c: inout [Int32]) {
        var target = c.mutableSpan
        kernels.multiply(
            a.span, rows, tapOffsets: [0].span, packed, ending,
            .init(rows: rowRange, columns: columns, stride: n), y: &target)
    }
    var whole = [Int32](repeating: 1, count: m * n)
    product(0..<m, 0..<n, into: &whole)
    for cut in 1..<m {
        var parts = [Int32](repeating: 2, count: m * n)
        product(0..<cut, 0..<48, into: &parts)
        product(0..<cut, 48..<n, into: &parts)
        product(cut..<m, 0..<n, into: &parts)
        #expect(parts == whole, "cut at \(cut)")
    }
}

/// Windows where they lie, with strides and groups, are the rows of the matrix that gathers them.
@Test(arguments: KernelSet.allBytes) func windowsOfBytesAreRowsOfAMatrix(kernels: KernelSet) {
    var random = SeededGenerator(4)
    let (images, height, width, channels, n) = (2, 7, 9, 5, 18)
    let x = random.bytes(images * height * width * channels)
    // 3 × 2 windows two apart, the second half of the channels left out: runs of 3.
    let (taps, run) = ([0, 5, 45, 50, 90, 95], 3)
    let shape = ConvolutionShape(
        outputs: (1, 3, 4), imageStride: height * width * channels,
        steps: (0, 2 * width * channels, 2 * channels), run: run)
    let k = taps.count * run
    let b = random.bytes(n * k)
    var gathered: [UInt8] = []
    for pixel in 0..<images * 12 {
        for tap in taps {
            let start = 1 + shape.start(ofPixel: pixel) + tap
            gathered += x[start..<start + run]
        }
    }
    let expected = Reference.byteSums(
        a: numbers(gathered, isSigned: true), m: images * 12, k: k, aZero: 11,
        b: numbers(b, isSigned: true), n: n, bZeros: [1])
    let packed = PackedBytes(
        packing: b.span, isSigned: true, taps: taps.count, run: run, n: n, zeros: [1])
    var c = [Int32](repeating: 5, count: images * 12 * (n + 4))
    var target = c.mutableSpan
    kernels.multiply(
        x.span,
        .init(shape, base: 1, scale: ByteScale(scale: 1, zeroPoint: 11, isSigned: true)),
        tapOffsets: taps.span, packed, ByteEnding(columns: n),
        .init(rows: 0..<images * 12, columns: 0..<n, stride: n + 4, column: 3), y: &target)
    for row in 0..<images * 12 {
        let line = c[row * (n + 4)..<(row + 1) * (n + 4)]
        #expect(Array(line.dropFirst(3).prefix(n)) == Array(expected[row * n..<(row + 1) * n]))
        #expect(Array(line.prefix(3)) + [line.last] == [5, 5, 5, 5], "nothing else is written")
    }
}
