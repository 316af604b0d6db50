import KernelsPortable
import Primitives

/// A k × n matrix packed for `KernelSet.gemm`: once at load, then read by every call.
///
/// Column panels of 16, each k-major and zero padded: panel p holds B[0..<k, 16p..<16p + 16], so a
/// kernel reads its weights front to back, one cache line a step.
public struct PackedMatrix: Sendable {
    /// Columns of a panel.
    public static let panelColumns = 16

    public let k: Int
    public let n: Int
    /// Written in the initialiser only.
    let memory: AlignedMemory

    /// Packs `source`, k × n row-major, or n × k when `transposed` (ONNX Gemm with transB = 1).
    ///
    /// Every element is multiplied by `scale` (ONNX Gemm's alpha). Takes time and memory
    /// proportional to k · n.
    public init(
        packing source: Span<Float>, k: Int, n: Int, transposed: Bool, scale: Float = 1
    ) {
        precondition(source.count == area(k, n), "the source holds k × n values")
        self.k = k
        self.n = n
        let panels = (n + Self.panelColumns - 1) / Self.panelColumns
        let bytes = area(
            area(panels, Self.panelColumns * MemoryLayout<Float>.stride), k)
        memory = AlignedMemory(byteCount: bytes)
        var target = memory.mutableSpan(as: Float.self)
        for row in 0..<k {
            for column in 0..<n {
                let value = transposed ? source[column * k + row] : source[row * n + column]
                let panel = column / Self.panelColumns
                target[(panel * k + row) * Self.panelColumns + column % Self.panelColumns] =
                    value * scale
            }
        }
    }

    /// Bytes of packed weights.
    public var byteCount: Int { memory.byteCount }
}
