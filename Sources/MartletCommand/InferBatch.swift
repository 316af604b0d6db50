import Glibc
import GraphRuntime
import Models
import Primitives

/// `martlet infer --batch-file`: many models and inputs in one process, for conformance suites.
///
/// A line of the file is a run: MODEL, OUTPUT_DIR and the inputs in the model's order, separated by
/// tabs. An input is a file with an ONNX `TensorProto`; `[A,B]` is a sequence of such files, `-` an
/// empty optional. Output i of a run becomes `OUTPUT_DIR/i.pb`, element j of a sequence
/// `OUTPUT_DIR/i/j.pb`, an empty optional the empty file `i.none`. For each line one line is written to
/// standard output: `ok`, or `error` and why.
enum InferBatch {
    static func run(_ listPath: String) {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try FileSystem.contents(of: listPath, byteCountMax: 1 << 28)
        } catch {
            Exit.failure("cannot read '\(listPath)': \(error.reason)")
        }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: "\t").map(String.init)
            let failure =
                words.count >= 2
                ? run(model: words[0], folder: words[1], inputs: Array(words[2...]))
                : "a line needs a model and a folder"
            let text = failure.map { $0.split(separator: "\n").joined(separator: " ") }
            print(text.map { "error\t\($0)" } ?? "ok")
            // A crash must not take the lines before it along.
            fflush(nil)
        }
    }

    /// nil when all went well, else why not.
    private static func run(model: String, folder: String, inputs: [String]) -> String? {
        do {
            let session = try ONNXSession(path: model)
            var values: [RuntimeValue] = []
            for input in inputs { values.append(try read(input)) }
            try FileSystem.createFolder(folder)
            for (index, value) in try session.run(values).enumerated() {
                try write(value, "\(folder)/\(index)")
            }
            return nil
        } catch {
            return "\(error)"
        }
    }

    private static func read(_ word: String) throws(TensorFile.Failure) -> RuntimeValue {
        if word == "-" { return .missing }
        guard word.hasPrefix("["), word.hasSuffix("]") else {
            return .tensor(try TensorFile.read(protobuf: word))
        }
        var list: [Tensor] = []
        for path in word.dropFirst().dropLast().split(separator: ",") {
            list.append(try TensorFile.read(protobuf: String(path)))
        }
        return .sequence(list)
    }

    private static func write(_ value: RuntimeValue, _ path: String) throws(SystemError) {
        switch value {
        case .tensor(let tensor): try TensorFile.write(tensor, protobuf: path + ".pb")
        case .sequence(let list):
            try FileSystem.createFolder(path)
            for (index, tensor) in list.enumerated() {
                try TensorFile.write(tensor, protobuf: "\(path)/\(index).pb")
            }
        case .missing: try FileSystem.write(ByteBuffer(), to: path + ".none")
        }
    }
}
