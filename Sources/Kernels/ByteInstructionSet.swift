import CLinux

/// Which build of the kernels for bytes runs: their levels differ from those of the float kernels
/// (`InstructionSet`), and all compute the same bits.
public enum ByteInstructionSet: UInt8, Sendable, CaseIterable {
    case portable
    /// AVX2: products of 16-bit numbers, added in pairs.
    case v3
    /// AVX-512 with VNNI: four products of bytes a lane in one instruction.
    case vnni

    /// Whether this processor can run the level.
    public var isSupported: Bool {
        switch self {
        case .portable: true
        case .v3: martlet_cpu_level() >= 3
        case .vnni: martlet_cpu_has_vnni() != 0
        }
    }

    /// Every level this processor can run, lowest first.
    public static var supported: [ByteInstructionSet] { allCases.filter(\.isSupported) }

    /// The fastest that goes with a level of the float kernels.
    static func best(with level: InstructionSet) -> ByteInstructionSet {
        switch level {
        case .portable: .portable
        case .v3: !InstructionSet.isLimited && Self.vnni.isSupported ? .vnni : .v3
        }
    }
}
