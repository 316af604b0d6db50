/// What the process may hold in memory, and whether a model fits into what is left of it: a model
/// that does not is refused with a sentence, before the kernel ends the whole process for it.
public struct MemoryBudget: Sendable {
    /// In bytes; nil for no limit.
    public let bytesMax: Int?
    private let used: @Sendable () -> Int

    /// No limit but the machine's.
    public static let unlimited = MemoryBudget()

    private init() {
        bytesMax = nil
        used = { 0 }
    }

    /// `used` tells what the process holds now.
    public init(bytesMax: Int, used: @escaping @Sendable () -> Int) {
        self.bytesMax = bytesMax
        self.used = used
    }

    /// Why a model whose files hold so many bytes cannot be loaded now; nil when it can. While it
    /// is loaded a model is in memory as its file, as what the reader makes of it and as what the
    /// kernels want: together `factor` times its files.
    public func problem(loading fileBytes: Int, factor: Int) -> String? {
        guard let bytesMax else { return nil }
        let usedBytes = used()
        let left = max(bytesMax - usedBytes, 0)
        let (needed, overflow) = fileBytes.multipliedReportingOverflow(by: factor)
        guard overflow || needed > left else { return nil }
        return "its files hold \(Self.mebibytes(fileBytes)), loading takes about "
            + "\(factor) times that, and \(Self.mebibytes(left)) are left of the container's "
            + "\(Self.mebibytes(bytesMax)): raise the memory limit, or serve fewer models or versions"
    }

    private static func mebibytes(_ bytes: Int) -> String {
        bytes < 10 << 20 ? "\(bytes >> 10) KiB" : "\(bytes >> 20) MiB"
    }
}
