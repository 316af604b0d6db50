import CLinux
import Glibc

/// Which build of the kernels runs. Every level computes every kernel.
public enum InstructionSet: UInt8, Sendable, CaseIterable {
    /// What every x86-64 (or other) processor runs; no fused multiply-add.
    case portable
    /// x86-64-v3: AVX2 and FMA.
    case v3

    /// The level of this processor, or the lower one that MARTLET_CPU_LEVEL (`portable`, `v3`)
    /// asks for. Read once.
    public static let best: InstructionSet =
        asksFor("portable") || !InstructionSet.v3.isSupported ? .portable : .v3

    /// Whether MARTLET_CPU_LEVEL asks for v3: then nothing above AVX2 is used, for bytes neither.
    static let isLimited = asksFor("v3")

    private static func asksFor(_ name: String) -> Bool {
        guard let text = getenv("MARTLET_CPU_LEVEL") else { return false }
        return strcmp(text, name) == 0
    }

    /// Whether this processor can run the level.
    public var isSupported: Bool {
        switch self {
        case .portable: true
        case .v3: martlet_cpu_level() >= 3
        }
    }

    /// Every level this processor can run, lowest first.
    public static var supported: [InstructionSet] { allCases.filter(\.isSupported) }
}
