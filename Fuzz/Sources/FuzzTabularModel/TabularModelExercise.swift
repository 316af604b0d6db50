import Models
import Primitives

/// Loads any bytes as a model of XGBoost or LightGBM. Those that load must answer any row, each the
/// same alone as in a batch, and in every way they say they can. Traps when one does not. Run by the
/// fuzzer, and by ModelsTests on the corpus.
enum TabularModelExercise {
    static func run(_ bytes: Span<UInt8>) {
        var copy: [UInt8] = []
        for index in bytes.indices { copy.append(bytes[index]) }
        do throws(ModelLoadError) {
            let model = try TabularModel(copy, path: "model")
            // What takes too long to compute says nothing about reading.
            guard model.signature.inputs[0].shape[1] <= 1_000 else { return }
            check(model)
            for view in model.views { check(view.model) }
        } catch {
            precondition(error.path == "model" && !error.reason.isEmpty, "errors have a reason")
        }
    }

    private static let values: [Double] = [
        0, -0.0, 1, -1, 0.5, 1e-36, 3, 31, 32, 1e9, -1e9, .infinity, -.infinity, .nan,
    ]

    /// Nine rows at once, then each alone.
    private static func check(_ model: any Model) {
        guard model.signature.outputs.allSatisfy({ $0.shape.dropFirst().reduce(1, *) <= 10_000 })
        else { return }
        let width = model.signature.inputs[0].shape[1]
        let rows = 9
        let together = answer(model, (0..<rows * width).map { values[$0 * 7 % values.count] }, rows)
        for row in 0..<rows {
            let single = (row * width..<(row + 1) * width).map { values[$0 * 7 % values.count] }
            let alone = answer(model, single, 1)
            for (all, one) in zip(together, alone) {
                let count = one.count
                precondition(
                    Array(all[row * count..<(row + 1) * count]) == one,
                    "a row's answer is the same alone and in a batch")
            }
        }
    }

    /// The bytes of each output.
    private static func answer(_ model: any Model, _ values: [Double], _ rows: Int) -> [[UInt8]] {
        let spec = model.signature.inputs[0]
        let shape = [rows, spec.shape[1]]
        let input =
            spec.dataType == .float64
            ? Tensor(.float64, shape: shape, values)
            : Tensor(.float32, shape: shape, values.map { Float($0) })
        do throws(PredictionError) {
            return try model.run(rows: [input]).map { output in
                let bytes = output.elementCount * output.dataType.byteCount
                guard let memory = output.memory else { return [] }
                let span = memory.span(as: UInt8.self, byteOffset: 0, count: bytes, owner: memory)
                return span.indices.map { span[$0] }
            }
        } catch {
            preconditionFailure("a model that loads answers: \(error)")
        }
    }
}
