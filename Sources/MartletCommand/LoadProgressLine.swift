import Glibc
import Load
import Primitives

/// A line that is written over each second, on a terminal only.
struct LoadProgressLine {
    private let isTerminal = isatty(2) == 1

    func show(_ progress: LoadProgress) {
        guard isTerminal else { return }
        func milliseconds(_ nanoseconds: UInt64?) -> String {
            nanoseconds.map { BenchReport.fixed(Double($0) / 1e6, 2) + " ms" } ?? "-"
        }
        let text =
            "\(BenchReport.fixed(progress.seconds, 0)) s  "
            + "\(BenchReport.grouped(progress.succeededPerSecond))/s  "
            + "\(progress.inFlight) in flight  p50 \(milliseconds(progress.median))  "
            + "p99 \(milliseconds(progress.p99))  \(progress.failed) failed"
        StandardStreams.error("\r\u{1B}[K\(text)")
    }

    func clear() {
        if isTerminal { StandardStreams.error("\r\u{1B}[K") }
    }
}
