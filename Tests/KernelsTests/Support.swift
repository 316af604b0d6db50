import Kernels
import KernelsPortable
import KernelsV3
import Primitives

/// SplitMix64: the same numbers in every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }

    mutating func floats(_ count: Int, in range: ClosedRange<Float> = -1...1) -> [Float] {
        (0..<count).map { _ in Float.random(in: range, using: &self) }
    }
}

extension KernelSet {
    /// One set a level that this processor has.
    static var all: [KernelSet] { InstructionSet.supported.map { KernelSet($0) } }

    /// What `gemm` must give, bit for bit (but for sigmoid and tanh).
    func reference(
        a: [Float], m: Int, k: Int, b: [Float], n: Int, bias: [Float]? = nil,
        activation: Activation = .none
    ) -> [Float] {
        switch level {
        case .portable:
            KernelsPortable.Reference.gemm(
                a: a, m: m, k: k, b: b, n: n, bias: bias, activation: activation)
        case .v3:
            KernelsV3.Reference.gemm(
                a: a, m: m, k: k, b: b, n: n, bias: bias, activation: activation)
        }
    }

    /// A product by packed weights.
    func product(
        _ a: [Float], m: Int, _ weights: PackedMatrix, bias: [Float]? = nil,
        activation: Activation = .none
    ) -> [Float] {
        var c = [Float](repeating: .nan, count: m * weights.n)
        var target = c.mutableSpan
        gemm(
            a: a.span, m: m, b: weights, bias: bias?.span, activation: activation, c: &target)
        return c
    }

    func applied(_ function: UnaryFunction, _ x: [Float]) -> [Float] {
        var y = [Float](repeating: .nan, count: x.count)
        var target = y.mutableSpan
        unary(function, x: x.span, y: &target)
        return y
    }
}

/// Bits, so that NaN equals itself and 0 differs from -0.
func bits(_ values: some Sequence<Float>) -> [UInt32] { values.map(\.bitPattern) }

/// How many floats lie between two, counted on a line that runs through both zeros.
func ulps(_ a: Float, _ b: Float) -> Int {
    if a.isNaN && b.isNaN { return 0 }
    if a.isNaN || b.isNaN { return .max }
    func place(_ value: Float) -> Int {
        let bits = Int(value.bitPattern & 0x7fff_ffff)
        return value.sign == .minus ? -bits : bits
    }
    return abs(place(a) - place(b))
}
