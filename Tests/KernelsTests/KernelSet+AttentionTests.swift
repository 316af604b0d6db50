import Kernels
import KernelsPortable
import Primitives
import Testing

/// Dense matrices of one head and what attention makes of them.
private struct Head {
    let (queries, keys, width, valueWidth): (Int, Int, Int, Int)
    let (q, k, v): ([Float], [Float], [Float])

    init(_ queries: Int, _ keys: Int, _ width: Int, _ valueWidth: Int, seed: UInt64) {
        (self.queries, self.keys) = (queries, keys)
        (self.width, self.valueWidth) = (width, valueWidth)
        var random = SeededGenerator(seed)
        q = random.floats(queries * width, in: -2...2)
        k = random.floats(keys * width, in: -2...2)
        v = random.floats(keys * valueWidth)
    }

    var block: AttentionBlock {
        AttentionBlock(
            queries: queries, keys: keys, width: width, valueWidth: valueWidth, q: (width, 1),
            k: (width, 1), v: (valueWidth, 1), yStride: valueWidth, scale: 0.5)
    }

    func attend(
        _ kernels: KernelSet, mask: [Float]? = nil,
        _ change: (inout AttentionBlock) -> Void = { _ in }
    ) -> [Float] {
        var block = block
        if mask != nil { block.mask = (keys, 1) }
        change(&block)
        var scratch = [Float](
            repeating: .nan,
            count: AttentionBlock.scratchCount(keys: keys, width: width, valueWidth: valueWidth))
        var y = [Float](repeating: .nan, count: queries * valueWidth)
        var room = scratch.mutableSpan
        var target = y.mutableSpan
        kernels.attend(
            q: q.span, k: k.span, v: v.span, mask: mask?.span, block, scratch: &room, y: &target)
        return y
    }

    func expected(
        mask: [Float]? = nil, openKeys: Int? = nil, zeroesNaN: Bool = false
    ) -> [Float] {
        Reference.attention(
            q: q, k: k, v: v, mask: mask, queries: queries, keys: keys, width: width,
            valueWidth: valueWidth, scale: 0.5, openKeys: openKeys, zeroesNaN: zeroesNaN)
    }
}

private func expectNear(_ got: [Float], _ want: [Float]) {
    #expect(got.count == want.count)
    for (a, b) in zip(got, want) { #expect(a.isNaN && b.isNaN || abs(a - b) < 2e-5) }
}

/// Tiles have 6 rows and 16 columns, blocks 48 queries and 256 keys.
private let shapes: [(Int, Int, Int, Int)] = [
    (0, 1, 3, 2), (1, 1, 1, 1), (1, 17, 8, 16), (5, 15, 7, 9), (6, 16, 16, 16), (47, 33, 32, 32),
    (49, 255, 33, 17), (96, 256, 8, 8), (7, 257, 24, 5), (97, 513, 16, 40), (50, 700, 64, 64),
]

@Test(arguments: KernelSet.all, shapes)
func attentionAgreesWithTheReference(kernels: KernelSet, shape: (Int, Int, Int, Int)) {
    let head = Head(shape.0, shape.1, shape.2, shape.3, seed: 5)
    expectNear(head.attend(kernels), head.expected())
    var random = SeededGenerator(6)
    let mask = random.floats(head.queries * head.keys, in: -9...9)
    expectNear(head.attend(kernels, mask: mask), head.expected(mask: mask))
}

@Test(arguments: KernelSet.all, shapes)
func aQuerySeesNoKeyBehindItsOwnPlace(kernels: KernelSet, shape: (Int, Int, Int, Int)) {
    let head = Head(shape.0, shape.1, shape.2, shape.3, seed: 7)
    // From fewer than none to more than all.
    for open in [-3, 0, 1, head.keys - head.queries + 1, head.keys + 5] {
        for zeroesNaN in [false, true] {
            let got = head.attend(kernels) {
                $0.openKeys = open
                $0.zeroesNaN = zeroesNaN
            }
            expectNear(got, head.expected(openKeys: open, zeroesNaN: zeroesNaN))
        }
    }
}

@Test(arguments: KernelSet.all)
func hiddenKeysOfAnyBlockCountNothing(kernels: KernelSet) {
    let head = Head(4, 600, 8, 8, seed: 9)
    // The first query sees only the last block, the second only the middle, the third none.
    let mask = (0..<4 * 600).map { index -> Float in
        let (query, key) = index.quotientAndRemainder(dividingBy: 600)
        let isOpen = query == 0 ? key >= 512 : query == 1 ? (300..<400).contains(key) : query == 3
        return isOpen ? 0 : -.infinity
    }
    let got = head.attend(kernels, mask: mask)
    expectNear(got, head.expected(mask: mask))
    #expect(got[16..<24].allSatisfy { $0.isNaN })
    let zeroed = head.attend(kernels, mask: mask) { $0.zeroesNaN = true }
    #expect(zeroed[16..<24].allSatisfy { $0 == 0 })
    #expect(bits(zeroed[..<16]) == bits(got[..<16]))
}

@Test(arguments: KernelSet.all)
func heldMatricesMayLieInAnyWay(kernels: KernelSet) {
    let head = Head(50, 270, 20, 24, seed: 11)
    let dense = head.attend(kernels)
    func turned(_ x: [Float], _ rows: Int, _ columns: Int) -> [Float] {
        (0..<rows * columns).map { x[$0 % rows * columns + $0 / rows] }
    }
    let other = (
        turned(head.q, head.queries, head.width), turned(head.k, head.keys, head.width),
        turned(head.v, head.keys, head.valueWidth)
    )
    var block = head.block
    block.q = (1, head.queries)
    block.k = (1, head.keys)
    block.v = (1, head.keys)
    block.yStride = 31
    var scratch = [Float](
        repeating: 0, count: AttentionBlock.scratchCount(keys: 270, width: 20, valueWidth: 24))
    var y = [Float](repeating: 7, count: 50 * 31)
    var room = scratch.mutableSpan
    var target = y.mutableSpan
    kernels.attend(
        q: other.0.span, k: other.1.span, v: other.2.span, mask: nil, block, scratch: &room,
        y: &target)
    for row in 0..<50 {
        #expect(bits(y[row * 31..<row * 31 + 24]) == bits(dense[row * 24..<row * 24 + 24]))
        #expect(y[row * 31 + 24..<(row + 1) * 31].allSatisfy { $0 == 7 })
    }
}

/// Threads get whole blocks of queries; each must make of them what one thread makes.
@Test(arguments: KernelSet.all)
func blocksOfQueriesHaveTheSameBitsAlone(kernels: KernelSet) {
    let all = Head(130, 300, 16, 16, seed: 13)
    let together = all.attend(kernels) { $0.openKeys = 171 }
    var scratch = [Float](
        repeating: 0, count: AttentionBlock.scratchCount(keys: 300, width: 16, valueWidth: 16))
    for first in stride(from: 0, to: 130, by: AttentionBlock.queryRows) {
        var block = all.block
        block.queries = min(AttentionBlock.queryRows, 130 - first)
        block.openKeys = 171 + first
        var y = [Float](repeating: .nan, count: block.queries * 16)
        var room = scratch.mutableSpan
        var target = y.mutableSpan
        kernels.attend(
            q: all.q.span.extracting((first * 16)...), k: all.k.span, v: all.v.span, mask: nil,
            block, scratch: &room, y: &target)
        #expect(bits(y) == bits(together[first * 16..<(first + block.queries) * 16]))
    }
}
