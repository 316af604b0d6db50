import Primitives

/// A k × n matrix of bytes packed for `KernelSet.multiply`: once at load, then read by every call.
///
/// Its rows are `taps` runs of `run` neighbours, each filled up to a multiple of four. Column panels of
/// 16: panel p holds, word by word, four rows of each of its columns, as signed bytes; unsigned ones are
/// stored 128 less, which its offsets make up for.
public struct PackedBytes: Sendable {
    /// Columns of a panel.
    public static let panelColumns = 16

    public let taps: Int
    public let run: Int
    public let n: Int
    public var k: Int { taps * run }
    // Written in the initialiser only.
    let memory: AlignedMemory
    /// The sum of each column's stored bytes.
    let columnSums: AlignedMemory
    /// The zero points of columns of stored bytes, unless all are zero.
    let offsets: AlignedMemory?

    /// Packs n rows of k bytes each: every row becomes a column.
    ///
    /// - Parameters:
    ///   - source: n × k values; `isSigned` says how to read them.
    ///   - zeros: zero points, one for all or one a column; none are zero.
    /// - Cost: time proportional to k · n.
    public init(
        packing source: Span<UInt8>, isSigned: Bool, taps: Int, run: Int, n: Int, zeros: [Int] = []
    ) {
        precondition(source.count == area(area(taps, run), n), "the source holds n × k values")
        precondition(zeros.count <= 1 || zeros.count == n, "a zero point for all or one a column")
        self.taps = taps
        self.run = run
        self.n = n
        let words = area(taps, (run + 3) / 4)
        let panels = (n + 15) / 16
        memory = AlignedMemory(byteCount: area(area(panels, 64), words))
        columnSums = AlignedMemory(byteCount: area(panels, 64))
        let shift = isSigned ? 0 : -128
        let list = zeros.isEmpty ? [shift] : zeros.map { $0 + shift }
        if list.allSatisfy({ $0 == 0 }) {
            offsets = nil
        } else {
            let made = AlignedMemory(byteCount: area(panels, 64))
            var lists = made.mutableSpan(as: Int32.self)
            for column in 0..<n {
                lists[column] = Int32(truncatingIfNeeded: list.count == 1 ? list[0] : list[column])
            }
            offsets = made
        }
        var target = memory.mutableSpan(as: Int8.self)
        var sums = columnSums.mutableSpan(as: Int32.self)
        let flip: UInt8 = isSigned ? 0 : 0x80
        for column in 0..<n {
            var sum: Int32 = 0
            var place = column / 16 * words * 64 + column % 16 * 4
            var index = column * taps * run
            for _ in 0..<taps {
                for at in 0..<run {
                    let byte = Int8(bitPattern: source[index] ^ flip)
                    target[place + at / 4 * 64 + at % 4] = byte
                    sum &+= Int32(byte)
                    index += 1
                }
                place += (run + 3) / 4 * 64
            }
            sums[column] = sum
        }
    }

    /// Bytes of packed weights.
    public var byteCount: Int { memory.byteCount }
}
