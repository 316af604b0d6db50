import Primitives

/// The kernels of one instruction set, behind checked spans.
///
/// Every bound is checked here; the kernels themselves check nothing. No call allocates.
/// **An output element is computed by the same operations in the same order whatever the number of
/// rows and whatever the row's position** (promise 1: batching never changes an answer, bit for bit).
/// Levels differ from one another in the last bits.
public struct KernelSet: Sendable {
    public let level: InstructionSet
    /// The level of the kernels for bytes.
    public let byteLevel: ByteInstructionSet

    /// The fastest kernels of this processor.
    public static let best = KernelSet(.best)

    /// The kernels of a level this processor supports, with those for bytes that go with it or that
    /// are asked for.
    public init(_ level: InstructionSet, bytes: ByteInstructionSet? = nil) {
        let byteLevel = bytes ?? ByteInstructionSet.best(with: level)
        precondition(
            level.isSupported && byteLevel.isSupported,
            "a level is chosen among those the processor supports")
        self.level = level
        self.byteLevel = byteLevel
    }
}

// The kernels take pointers. A span handed to a function outlives the call, so a pointer taken from
// it is good until the function returns, provided that the function is not inlined into a caller
// where the span's owner may end earlier: whoever uses these is marked @inline(never).
extension Span where Element: BitwiseCopyable {
    /// The first element; a valid address that must not be read when the span is empty.
    @inline(__always)
    var address: UnsafePointer<Element> {
        unsafe withUnsafeBufferPointer { buffer in
            unsafe buffer.baseAddress ?? UnsafePointer(bitPattern: MemoryLayout<Element>.alignment)!
        }
    }
}

extension MutableSpan where Element: BitwiseCopyable {
    /// The first element; a valid address that must not be used when the span is empty.
    @inline(__always)
    var address: UnsafeMutablePointer<Element> {
        mutating get {
            unsafe withUnsafeMutableBufferPointer { buffer in
                unsafe buffer.baseAddress
                    ?? UnsafeMutablePointer(bitPattern: MemoryLayout<Element>.alignment)!
            }
        }
    }
}

/// `rows * columns`, where both are sizes: never negative, never past Int.
@inline(__always)
func area(_ rows: Int, _ columns: Int) -> Int {
    precondition(rows >= 0 && columns >= 0, "a size is never negative")
    let (product, overflow) = rows.multipliedReportingOverflow(by: columns)
    precondition(!overflow, "a matrix fits the address space")
    return product
}
