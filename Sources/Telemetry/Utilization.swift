import Primitives

/// What one look at the process found: totals that only grow, and how full things are.
public struct UtilizationSample: Sendable, Equatable {
    public var nanoseconds: UInt64
    /// CPU time of the process, and the processors that it may use.
    public var cpuNanoseconds: UInt64
    public var processors: Double
    /// Time each event loop was not waiting for events.
    public var loopBusyNanoseconds: [UInt64]
    /// Time all compute workers together spent in models.
    public var workerBusyNanoseconds: UInt64
    public var workerCount: Int
    /// Open connections as a share of the limit.
    public var connectionShare: Double

    public init(
        nanoseconds: UInt64, cpuNanoseconds: UInt64, processors: Double,
        loopBusyNanoseconds: [UInt64], workerBusyNanoseconds: UInt64, workerCount: Int,
        connectionShare: Double
    ) {
        self.nanoseconds = nanoseconds
        self.cpuNanoseconds = cpuNanoseconds
        self.processors = processors
        self.loopBusyNanoseconds = loopBusyNanoseconds
        self.workerBusyNanoseconds = workerBusyNanoseconds
        self.workerCount = workerCount
        self.connectionShare = connectionShare
    }
}

/// How much of what limits the server is in use, 0 to 1: the figure that autoscalers go by.
///
/// It is the largest of four shares, each a mean over the last seconds: CPU against the quota, the busiest
/// event loop, the compute workers, open connections against their limit. No clock inside: samples bring
/// their time.
public struct Utilization: Sendable {
    public enum Part: Int, CaseIterable, Sendable {
        case cpu, loops, workers, connections

        var label: StaticString {
            switch self {
            case .cpu: "cpu"
            case .loops: "loops"
            case .workers: "workers"
            case .connections: "connections"
            }
        }
    }

    /// A change is seen by two thirds after this time.
    static let timeConstantSeconds = 5.0

    private var last: UtilizationSample?
    /// By `Part.rawValue`, each 0 to 1.
    public private(set) var parts = [Double](repeating: 0, count: Part.allCases.count)

    public init() {}

    /// The largest part.
    public var value: Double { parts.reduce(0, max) }

    /// The busiest loop, or the workers: those that answer, not those that load.
    public var serving: Double {
        max(parts[Part.loops.rawValue], parts[Part.workers.rawValue])
    }

    /// Takes a sample in; the first one only begins the interval, and so does one whose time did not
    /// advance.
    public mutating func observe(_ sample: UtilizationSample) {
        defer { last = sample }
        guard let last, sample.nanoseconds > last.nanoseconds else { return }
        let elapsed = Double(sample.nanoseconds - last.nanoseconds)
        func grown(_ new: UInt64, _ old: UInt64) -> Double { new > old ? Double(new - old) : 0 }
        var loops = 0.0
        for (new, old) in zip(sample.loopBusyNanoseconds, last.loopBusyNanoseconds) {
            loops = max(loops, grown(new, old) / elapsed)
        }
        let cpu = grown(sample.cpuNanoseconds, last.cpuNanoseconds)
        let workers = grown(sample.workerBusyNanoseconds, last.workerBusyNanoseconds)
        let shares = [
            cpu / elapsed / max(sample.processors, 0.01), loops,
            workers / elapsed / Double(max(sample.workerCount, 1)), sample.connectionShare,
        ]
        let weight = min(1, elapsed / 1e9 / Self.timeConstantSeconds)
        for (index, share) in shares.enumerated() {
            parts[index] += (min(max(share, 0), 1) - parts[index]) * weight
        }
    }
}
