import Models
import Primitives

/// First runs of a model, before any client waits for it: they fault in its memory, build its plans
/// and measure what a batch costs.
enum WarmUp {
    private static let repeats = 5

    /// Runs the model at every batch size it will plan for; the reason when it cannot run.
    ///
    /// It is given zeros, then ones if it refuses zeros as input. A model that refuses both, or whose
    /// free dimensions do not like their guessed size, is served all the same: it counts as dear until
    /// the first real batch.
    static func run(_ version: ModelVersion) -> String? {
        if let rule = version.configuration.batching.padding,
            let problem = rule.problem(with: version.signature)
        {
            return problem
        }
        switch run(version, fill: 0) {
        case .success: return nil
        case .failure(let error):
            guard error.kind == .badInput || !version.hasStaticRows else {
                return error.description
            }
            if case .failure(let second) = run(version, fill: 1), second.kind == .failed,
                version.hasStaticRows
            {
                return second.description
            }
            return nil
        }
    }

    private static func run(
        _ version: ModelVersion, fill: UInt8
    ) -> Result<Void, PredictionError> {
        let shapes = version.signature.inputs.map { spec in
            // An unknown dimension is tried with 8: long enough for a sequence, short enough to be
            // quick.
            version.signature.rowShape(of: spec).map { $0 < 0 ? 8 : $0 }
        }
        let chunk = version.chunkRows
        var sizes = version.signature.batchDimension == .dynamic ? [1] : [chunk]
        if version.signature.batchDimension == .dynamic {
            while let last = sizes.last, last < chunk { sizes.append(min(last * 2, chunk)) }
        }
        var costs: [(rows: Int, nanoseconds: Double)] = []
        for size in sizes {
            switch measure(version, rowShapes: shapes, rows: size, fill: fill) {
            case .success(let nanoseconds): costs.append((size, nanoseconds))
            case .failure(let error): return .failure(error)
            }
        }
        guard let first = costs.first, let last = costs.last else { return .success(()) }
        version.latency.calibrate(
            rows1: first.rows, nanoseconds1: first.nanoseconds, rows2: last.rows,
            nanoseconds2: last.nanoseconds, bucket: version.latencyBucket(shapes))
        return .success(())
    }

    private static func measure(
        _ version: ModelVersion, rowShapes: [[Int]], rows: Int, fill: UInt8
    ) -> Result<Double, PredictionError> {
        let inputs = version.makeInputs(rowShapes: rowShapes, rowCapacity: rows)
        let outputs = version.makeOutputs(rowCapacity: rows)
        if fill != 0 {
            for column in inputs { column.fill(with: fill) }
        }
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
