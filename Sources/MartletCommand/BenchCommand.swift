import ArgumentParser
import GraphRuntime
import IO
import Models
import Primitives

/// `martlet bench`
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure how fast a model computes, in this process, without HTTP.",
        discussion: """
            MODEL is a model file, a version's folder or a model's folder (its highest version is
            taken). For each batch size the model is warmed up, then run on random rows over and
            over for --seconds.

              martlet bench models/digits
              martlet bench models/digits --batch 1,64 --threads 2 --seconds 5
              martlet bench model.onnx --json > figures.json

            median and p99 are the time of one call with that many rows. rows/s counts the rows of
            all threads over the whole time: each thread makes its own calls, as the server's threads
            do. GFLOP/s is the arithmetic of all threads' rows in a median call; additions and
            multiplications count one each. Small batches are bound by reading the weights, large
            ones by arithmetic: raise the batch until rows/s stops growing to find the size worth
            gathering.

            Figures of one run are good for ratios only. Close other programs first.
            """)

    @Argument(help: "The model file or folder. [MARTLET_MODEL]")
    var model: String?

    @Option(help: "Rows a call, a list. [MARTLET_BATCH]")
    var batch = Environment.text("MARTLET_BATCH") ?? "1,8,32,128"

    @Option(help: "Threads that make calls at the same time; 0 means one a core. [MARTLET_THREADS]")
    var threads = Environment.integer("MARTLET_THREADS", default: 1)

    @Option(
        help: """
            Threads that compute one call together, a list: each count is measured. 0 means one a core. \
            [MARTLET_INTRA_THREADS]
            """)
    var intraThreads = Environment.text("MARTLET_INTRA_THREADS") ?? "1"

    @Option(help: "Seconds to measure each batch size. [MARTLET_SECONDS]")
    var seconds = Environment.text("MARTLET_SECONDS") ?? "1"

    @Flag(help: "Print one JSON object instead of a table. [MARTLET_JSON=1]")
    var json = false

    mutating func validate() throws {
        guard (0...256).contains(threads) else {
            throw ValidationError("--threads is \(threads); it must be from 0 to 256")
        }
        _ = try Self.batches(batch)
        _ = try Self.lanes(intraThreads)
        _ = try Self.duration(seconds)
    }

    private static func lanes(_ text: String) throws -> [Int] {
        try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
            guard let count = Int(part), (0...IntraThreads.countMax).contains(count) else {
                throw ValidationError(
                    "--intra-threads is '\(text)'; it must be a list of whole numbers from 0 to "
                        + "\(IntraThreads.countMax), such as 1,2")
            }
            return count
        }
    }

    private static func batches(_ text: String) throws -> [Int] {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        return try parts.map { part in
            guard let rows = Int(part), (1...1_000_000).contains(rows) else {
                throw ValidationError(
                    "--batch is '\(text)'; it must be a list of whole numbers from 1 to 1000000, "
                        + "such as 1,8,32")
            }
            return rows
        }
    }

    private static func duration(_ text: String) throws -> Double {
        guard let seconds = Double(text), (0.01...3600).contains(seconds) else {
            throw ValidationError("--seconds is '\(text)'; it must be from 0.01 to 3600")
        }
        return seconds
    }

    mutating func run() throws {
        guard let path = model ?? Environment.text("MARTLET_MODEL") else {
            Exit.usage("name a model: martlet bench MODEL")
        }
        let asJSON = json || Environment.text("MARTLET_JSON") == "1"
        let file = ModelFile.find(path)
        let threads = threads > 0 ? threads : Thread.processorCount
        let lists = try Self.lanes(intraThreads)
        var reports: [BenchReport] = []
        for lanes in lists {
            let team = IntraThreads.start(lanes)
            defer { team.stop() }
            reports.append(
                try measure(file, threads: threads, lanes: team.laneCount, prints: !asJSON))
        }
        guard asJSON else { return }
        StandardStreams.output(BenchReport.json(reports))
    }

    private func measure(
        _ file: String, threads: Int, lanes: Int, prints: Bool
    ) throws -> BenchReport {
        // Plans have memory for each lane: a model of its own for each count.
        let model = ModelFile.load(file)
        let runner = BenchRunner(
            model: model, threads: threads, seconds: try Self.duration(seconds))
        let operations: Double
        do throws(GraphError) {
            operations = try (model as? ONNXModel)?.operationsPerRow() ?? 0
        } catch {
            Exit.failure("\(file): \(error.description)")
        }
        var report = BenchReport(
            file: file, threads: threads, lanes: lanes, operationsPerRow: operations)
        if prints { StandardStreams.output(report.head) }
        for rows in Self.sizes(try Self.batches(batch), model.signature) {
            let result: BenchResult
            do throws(BenchRunner.Failure) {
                result = try runner.measure(rows: rows)
            } catch {
                Exit.failure("\(file): a batch of \(rows): \(error.reason)")
            }
            if prints { StandardStreams.output(report.line(result)) }
            report.results.append(result)
        }
        return report
    }

    /// A model with a batch of its own runs at that size only.
    private static func sizes(_ wanted: [Int], _ signature: Signature) -> [Int] {
        switch signature.batchDimension {
        case .dynamic: wanted
        case .fixed(let rows): [rows]
        case .none: [1]
        }
    }
}
