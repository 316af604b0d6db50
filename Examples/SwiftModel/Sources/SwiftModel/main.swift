import CoreMetrics
import MartletCommand
import Models
import Serving

/// A model in Swift: body mass index from height (m) and weight (kg).
struct BodyMassIndex: Model {
    let signature = Signature(
        inputs: [TensorSpec("person", .float32, [-1, 2])],
        outputs: [TensorSpec("bmi", .float32, [-1])])
    /// Stands on the server's metrics page as `bmi_people_total`.
    private let people = Counter(label: "bmi.people")

    init(artifact: Artifact, context: LoadContext) throws(ModelLoadError) {}

    func predict(
        _ batch: borrowing TensorBatch, into results: inout TensorBatch
    ) throws(PredictionError) {
        let person = batch.float32(0)
        var bmi = results.mutableFloat32(0)
        people.increment(by: batch.rowCount)
        for row in 0..<batch.rowCount {
            let height = person[row * 2]
            guard height > 0 else { throw PredictionError(.badInput, "height must be positive") }
            bmi[row] = person[row * 2 + 1] / (height * height)
            guard bmi[row].isFinite else {
                throw PredictionError(.failed, "the index of height \(height) is no number")
            }
        }
    }
}

// The whole `martlet` command line, with this model in it: `SwiftModel serve --port 8080`.
Launcher.main(models: [CompiledModel(BodyMassIndex.self, name: "bmi")])
