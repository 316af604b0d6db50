import Kernels
import Primitives

/// What `martlet bench` prints: a table for people, an object for programs.
struct BenchReport {
    let file: String
    /// Threads that call, and threads that compute a call together.
    let threads: Int
    let lanes: Int
    let operationsPerRow: Double
    var results: [BenchResult] = []

    init(file: String, threads: Int, lanes: Int, operationsPerRow: Double) {
        self.file = file
        self.threads = threads
        self.lanes = lanes
        self.operationsPerRow = operationsPerRow
    }

    var head: String {
        let threadText = threads == 1 ? "1 thread" : "\(threads) threads"
        let laneText = lanes == 1 ? "" : ", \(lanes) threads a call"
        return "\(file), \(threadText)\(laneText), \(levelName) kernels\n"
            + "   batch      median         p99        rows/s   GFLOP/s\n"
    }

    func line(_ result: BenchResult) -> String {
        padded("\(result.rows)", 8) + padded(Self.time(result.median), 12)
            + padded(Self.time(result.p99), 12)
            + padded(Self.grouped(result.rowsPerSecond), 14)
            + padded(Self.fixed(gflops(result), 1), 10) + "\n"
    }

    /// One object: times in microseconds, rates a second.
    static func json(_ reports: [BenchReport]) -> String {
        guard let first = reports.first else { return "{}\n" }
        let list = reports.flatMap { report in report.results.map { report.object($0) } }
        var buffer = ByteBuffer()
        buffer.append(
            json: .object([
                JSONMember("model", .string(first.file)),
                JSONMember("threads", .integer(Int64(first.threads))),
                JSONMember("kernels", .string(first.levelName)),
                JSONMember("operations_per_row", .number(first.operationsPerRow)),
                JSONMember("results", .array(list)),
            ]))
        return buffer.text + "\n"
    }

    private func object(_ result: BenchResult) -> JSONValue {
        .object([
            JSONMember("batch", .integer(Int64(result.rows))),
            JSONMember("intra_threads", .integer(Int64(lanes))),
            JSONMember("calls", .integer(Int64(result.calls))),
            JSONMember("median_us", .number(result.median / 1e3)),
            JSONMember("p99_us", .number(result.p99 / 1e3)),
            JSONMember("rows_per_second", .number(result.rowsPerSecond)),
            JSONMember("gflops", .number(gflops(result))),
        ])
    }

    /// By the median call, which a busy neighbour disturbs least.
    private func gflops(_ result: BenchResult) -> Double {
        Double(result.rows * threads) * operationsPerRow / max(result.median, 1)
    }

    private var levelName: String {
        switch InstructionSet.best {
        case .portable: "portable"
        case .v3: "AVX2"
        }
    }

    private func padded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    /// A time with a unit that leaves one to three digits before the point.
    private static func time(_ nanoseconds: Double) -> String {
        if nanoseconds < 1e3 { return fixed(nanoseconds, 0) + " ns" }
        if nanoseconds < 1e6 { return fixed(nanoseconds / 1e3, 1) + " µs" }
        if nanoseconds < 1e9 { return fixed(nanoseconds / 1e6, 2) + " ms" }
        return fixed(nanoseconds / 1e9, 2) + " s"
    }

    /// A number with `places` digits after the point, below 10^15.
    static func fixed(_ value: Double, _ places: Int) -> String {
        var unit = 1
        for _ in 0..<places { unit *= 10 }
        let scaled = Int((min(value, 1e15) * Double(unit)).rounded())
        guard places > 0 else { return "\(scaled)" }
        let fraction = "\(scaled % unit)"
        let zeros = String(repeating: "0", count: places - fraction.count)
        return "\(scaled / unit).\(zeros)\(fraction)"
    }

    /// A whole number in groups of three digits.
    static func grouped(_ value: Double) -> String {
        let digits = fixed(value, 0)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0 && (digits.count - index) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return text
    }
}
