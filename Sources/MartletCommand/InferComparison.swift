import Glibc
import Models
import Primitives

/// `martlet infer --compare`: outputs held against reference files.
struct InferComparison {
    let folder: String
    let relative: Double
    let absolute: Double

    /// Prints a line an output; ends the process with status 1 when one does not agree.
    func run(_ outputs: [Tensor], _ signature: Signature) {
        var failures = 0
        for (tensor, spec) in zip(outputs, signature.outputs) {
            let path = "\(folder)/\(InferCommand.fileName(spec.name))"
            let line: String
            do throws(TensorFile.Failure) {
                let reference = try TensorFile.read(path, for: spec)
                let comparison = TensorComparison(
                    tensor, reference, relative: relative, absolute: absolute)
                if !comparison.agrees { failures += 1 }
                line = "\(comparison.agrees ? "ok  " : "FAIL") \(spec.name)  \(comparison.text)"
            } catch {
                failures += 1
                line = "FAIL \(spec.name)  \(error.description)"
            }
            StandardStreams.output(line + "\n")
        }
        if failures > 0 {
            Exit.failure("\(failures) of \(outputs.count) outputs do not agree with '\(folder)'")
        }
    }
}
