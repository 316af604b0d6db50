import Primitives

/// A step that several threads can compute together: one phase after the other, each in parts.
///
/// Parts write disjoint ranges, and no sum is cut in two: the number of parts changes no bit.
protocol PartedStep: Step {
    /// Phases follow one another; a phase begins when all parts of the one before are done.
    var phaseCount: Int { get }

    /// In how many parts a phase is worth cutting, `lanes` at most; at least 1.
    func partCount(phase: Int, lanes: Int) -> Int

    func run(phase: Int, part: Int, of parts: Int, _ workspace: Workspace)
}

extension PartedStep {
    var phaseCount: Int { 1 }

    func run(_ workspace: Workspace) {
        for phase in 0..<phaseCount {
            let parts = partCount(phase: phase, lanes: workspace.laneCount)
            if parts <= 1 {
                run(phase: phase, part: 0, of: 1, workspace)
            } else {
                workspace.share(self, phase: phase, parts: parts)
            }
        }
    }
}

/// How work is cut into parts.
enum Parting {
    /// Operations below which handing a part to another thread costs more than it saves: about 10 µs
    /// at 50 GFLOP/s, some ten times what waking a thread that looks for work takes (measured).
    static let operationsMin = 500_000
    /// The same for products of bytes, of which a processor does several times as many.
    static let byteOperationsMin = 2_000_000
    /// The same for steps that move memory, in bytes read and written.
    static let bytesMin = 200_000

    /// As many parts as there is work for.
    @inline(__always)
    static func count(work: Int, partMin: Int, lanes: Int) -> Int {
        lanes <= 1 ? 1 : max(1, min(lanes, work / partMin))
    }

    /// The range of part `part` when `count` things are cut into `parts`, at multiples of `unit`.
    @inline(__always)
    static func range(_ count: Int, part: Int, of parts: Int, unit: Int = 1) -> Range<Int> {
        let units = (count + unit - 1) / unit
        let start = min(count, units * part / parts * unit)
        let end = min(count, units * (part + 1) / parts * unit)
        return start..<end
    }
}
