import Models
import Primitives
import Synchronization

/// y = 2·x per row of two numbers; refuses rows that hold a negative number, and counts its runs.
struct Doubler: Model {
    let signature = Signature(
        inputs: [TensorSpec("x", .float32, [-1, 2])], outputs: [TensorSpec("y", .float32, [-1, 2])])
    let log = RunLog()

    init() {}
    init(artifact: Artifact, context: LoadContext) throws(ModelLoadError) {}

    func predict(
        _ batch: borrowing TensorBatch, into results: inout TensorBatch
    ) throws(PredictionError) {
        log.record(batch.rowCount)
        let x = batch.float32(0)
        var y = results.mutableFloat32(0)
        for index in x.indices {
            guard x[index] >= 0 else { throw PredictionError(.badInput, "negative") }
            y[index] = x[index] * 2
        }
    }
}

/// Row counts of the runs of a model.
final class RunLog: Sendable {
    private let rows = Mutex<[Int]>([])
    func record(_ count: Int) { rows.withLock { $0.append(count) } }
    var all: [Int] { rows.withLock { $0 } }
}

/// A model that cannot be loaded.
struct Unloadable: Model {
    let signature = Signature(inputs: [], outputs: [])
    init(artifact: Artifact, context: LoadContext) throws(ModelLoadError) {
        throw ModelLoadError(path: artifact.path, place: "node 3", reason: "made to fail")
    }
    func predict(
        _ batch: borrowing TensorBatch, into results: inout TensorBatch
    ) throws(PredictionError) {}
}

/// Refuses every row that holds a zero as bad input.
struct ZeroHater: Model {
    let signature = Signature(
        inputs: [TensorSpec("x", .float32, [-1, 1])], outputs: [TensorSpec("y", .float32, [-1])])
    init(artifact: Artifact, context: LoadContext) throws(ModelLoadError) {}
    func predict(
        _ batch: borrowing TensorBatch, into results: inout TensorBatch
    ) throws(PredictionError) {
        let x = batch.float32(0)
        for index in x.indices where x[index] == 0 { throw PredictionError(.badInput, "zero") }
    }
}
