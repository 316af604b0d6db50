import Models
import Primitives

/// First runs of a model, before any client waits for it: they fault in its memory, build its plans
/// and measure what a batch costs.
struct WarmUp {
    /// How far it came.
    struct Extent: Equatable {
        var done = 0
        var planned = 0
    }

    private static let repeats = 5

    private let version: ModelVersion
    private let end: UInt64
    private let kinds: [WarmUpRows]
    private(set) var extent = Extent()

    /// Runs of `version` until a time of the monotonic clock. Throws when the configured samples do not
    /// fit its inputs.
    init(_ version: ModelVersion, end: UInt64) throws(WarmUpSampleError) {
        self.version = version
        self.end = end
        kinds = try WarmUpRows.all(version)
    }

    /// The batch sizes to run, in this order: powers of two up to the largest batch, then every size
    /// that has a plan of its own. The first ones are what the fit and most requests need; the order
    /// matters when time runs out.
    static func sizes(_ version: ModelVersion) -> [Int] {
        let chunk = version.chunkRows
        guard version.signature.batchDimension == .dynamic else { return [chunk] }
        var sizes = [1]
        while let last = sizes.last, last < chunk { sizes.append(min(last * 2, chunk)) }
        let known = Set(sizes)
        return sizes
            + (1...max(min(version.model.plannedRows, chunk), 1)).filter {
                !known.contains($0)
            }
    }

    /// Runs the model at every batch size it will plan for, in every padding bucket; the reason when it
    /// cannot run.
    ///
    /// Without samples it is given zeros, then ones if it refuses zeros as input. A model that refuses
    /// both, or whose free dimensions do not like their guessed size, is served all the same: it counts
    /// as dear until the first real batch.
    mutating func run() -> String? {
        if let rule = version.configuration.batching.padding,
            let problem = rule.problem(with: version.signature)
        {
            return problem
        }
        switch run(fill: 0) {
        case .success: return nil
        case .failure(let error):
            if hasSamples { return "on warm_up.samples: \(error.description)" }
            guard error.kind == .badInput || !version.hasStaticRows else {
                return error.description
            }
            if case .failure(let second) = run(fill: 1), second.kind == .failed,
                version.hasStaticRows
            {
                return second.description
            }
            return nil
        }
    }

    private var hasSamples: Bool { !version.configuration.warmUp.samples.isEmpty }

    private mutating func run(fill: UInt8) -> Result<Void, PredictionError> {
        let sizes = Self.sizes(version)
        extent = Extent(planned: sizes.count * kinds.count)
        var costs = [[(rows: Int, nanoseconds: Double)]](repeating: [], count: kinds.count)
        var isRefused = [Bool](repeating: false, count: kinds.count)
        var failure: PredictionError?
        // Powers of two are measured; what comes behind them is run once, to be planned.
        var last = 0
        var isMeasured = true
        for size in sizes {
            if size < last { isMeasured = false }
            for (index, kind) in kinds.enumerated() where !isRefused[index] {
                // The smallest batch is run in any case: readiness stands for a real run.
                guard extent.done == 0 || MonotonicClock.nanoseconds < end else { break }
                switch measure(kind, rows: size, isMeasured ? Self.repeats : 1, fill: fill) {
                case .success(let nanoseconds):
                    if isMeasured { costs[index].append((size, nanoseconds)) }
                    extent.done += 1
                case .failure(let error):
                    isRefused[index] = true
                    if kind.isGiven { failure = failure ?? error }
                }
            }
            last = size
        }
        for (kind, costs) in zip(kinds, costs) { calibrate(kind, costs) }
        return failure.map { .failure($0) } ?? .success(())
    }

    private func calibrate(_ kind: WarmUpRows, _ costs: [(rows: Int, nanoseconds: Double)]) {
        guard let first = costs.first, let last = costs.last else { return }
        version.latency.calibrate(
            rows1: first.rows, nanoseconds1: first.nanoseconds, rows2: last.rows,
            nanoseconds2: last.nanoseconds, bucket: version.latencyBucket(kind.rowShapes))
    }

    private func measure(
        _ kind: WarmUpRows, rows: Int, _ repeats: Int, fill: UInt8
    ) -> Result<Double, PredictionError> {
        let inputs = kind.makeInputs(rows: rows, fill: fill)
        let outputs = version.makeOutputs(rowCapacity: rows)
        let batch = TensorBatch(columns: inputs, rowCount: rows)
        var best = UInt64.max
        var spent: UInt64 = 0
        for _ in 0..<repeats where spent < 500_000_000 {
            var results = TensorBatch(columns: outputs, rowCount: rows)
            let begin = MonotonicClock.nanoseconds
            do throws(PredictionError) {
                try version.model.predict(batch, into: &results)
            } catch {
                return .failure(error)
            }
            let elapsed = MonotonicClock.nanoseconds &- begin
            best = min(best, elapsed)
            spent += elapsed
        }
        return .success(Double(best))
    }
}
