import Primitives
import Synchronization

/// What the threads of a run and the one that watches them share.
final class LoadShared: Sendable {
    /// Cells of a thread's block; the rest are a histogram of latencies, by `scale`.
    enum Cell: Int {
        case succeeded, failed, inFlight, first
    }

    /// For the progress line: 3 % is enough, and a few KB are read each second.
    static let scale = LogLinearScale(precision: 4, bits: 42)

    let blocks: [CounterBlock]
    /// Threads whose connections are up (or were refused).
    let readyCount = Atomic<Int>(0)
    let doneCount = Atomic<Int>(0)
    /// When the load begins, of the monotonic clock; 0 before that is known.
    let start = Atomic<UInt64>(0)
    /// Stop as soon as possible, and report.
    let isStopped = Atomic<Bool>(false)
    private let results = Mutex<[LoadLoop.Result]>([])

    init(threads: Int) {
        blocks = (0..<threads).map { _ in
            CounterBlock(count: Cell.first.rawValue + Self.scale.count)
        }
    }

    func finish(_ result: LoadLoop.Result) {
        results.withLock { $0.append(result) }
        doneCount.add(1, ordering: .releasing)
    }

    func takeResults() -> [LoadLoop.Result] { results.withLock { $0 } }
}
