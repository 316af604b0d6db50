import GraphRuntime
import Models
import Primitives

/// Loads any bytes as an ONNX model. What loads must answer zeros with the shapes that its signature says,
/// or say why not. Traps when it does neither. Run by the fuzzer, and by ModelsTests on the corpus.
enum ONNXModelExercise {
    static func run(_ bytes: Span<UInt8>) {
        let copy = bytes.indices.map { bytes[$0] }
        do throws(ModelLoadError) {
            let graph = try ONNXReader.read(copy, path: "model", limits: limits)
            let model = try ONNXModel(graph, path: "model", limits: limits)
            answer(model)
        } catch {
            precondition(error.path == "model" && !error.reason.isEmpty, "errors have a reason")
        }
    }

    private static var limits: Limits {
        var limits = Limits()
        limits.tensorElementsMax = 1 << 18
        limits.arenaBytesMax = 1 << 24
        limits.foldedBytesMax = 1 << 20
        return limits
    }

    private static func answer(_ model: ONNXModel) {
        var inputs: [Tensor] = []
        for (spec, shape) in zip(model.signature.inputs, model.shapes(rows: 2)) {
            guard let count = count(shape) else { return }
            inputs.append(
                spec.dataType == .string
                    ? Tensor(shape: shape, strings: Array(repeating: "", count: count))
                    : Tensor(dataType: spec.dataType, shape: shape))
        }
        do throws(PredictionError) {
            let outputs = try model.run(inputs)
            precondition(outputs.count == model.signature.outputs.count, "every output is made")
            for (tensor, spec) in zip(outputs, model.signature.outputs) {
                precondition(tensor.dataType == spec.dataType, "outputs have the type promised")
            }
        } catch {
            precondition(!error.description.isEmpty, "errors have a reason")
        }
    }

    private static func count(_ shape: [Int]) -> Int? {
        var count = 1
        for size in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            guard !overflow, product <= 1 << 18 else { return nil }
            count = product
        }
        return count
    }
}
