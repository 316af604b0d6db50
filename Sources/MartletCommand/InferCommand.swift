import ArgumentParser
import Models
import Primitives

/// `martlet infer`
struct InferCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "infer",
        abstract: "Run a model once on files and write its outputs as NumPy files.",
        discussion: """
            MODEL is a model file, a version's folder or a model's folder (its highest version is
            taken). Each FILE holds one input: .npy, .json (nested lists), .csv (a line a row, a
            header is skipped) or .pb (an ONNX TensorProto). Inputs without a name go in the order
            that `martlet inspect MODEL` shows.

              martlet infer models/iris --input rows.csv --output-dir out
              martlet infer model.onnx --input X=features.npy --input city.json --output-dir out
              martlet infer model.onnx --input X=features.npy --compare reference

            Writes one .npy file an output, named after it, characters other than letters, digits,
            '.', '_' and '-' replaced by '_'. Strings become NumPy unicode arrays.

            With --compare the outputs are held against files of such names in a folder: a line an
            output with its largest absolute error and its largest error in units of the last place.
            Exit status 1 when an error is above --atol plus --rtol times the reference, when anything
            but a float differs, or when a file is missing. Nothing is written then, unless
            --output-dir is given too.
            """)

    @Argument(help: "The model file or folder. [MARTLET_MODEL]")
    var model: String?

    @Option(
        name: .long, parsing: .singleValue,
        help: """
            A file with one input's values, optionally with the input's name in front. Once for each \
            input. [MARTLET_INPUT, separated by ':']
            """)
    var input: [String] = []

    @Option(
        help: """
            What to ask a model of trees for: margin, leaf, probability or contributions instead of \
            its predictions. [MARTLET_ANSWER]
            """)
    var answer: String?

    @Option(
        help: """
            The folder to write to; it is made if it is missing. Default: this folder. \
            [MARTLET_OUTPUT_DIR]
            """)
    var outputDir: String?

    @Option(
        help: """
            A folder with the outputs as they should be, to compare with. [MARTLET_COMPARE]
            """)
    var compare: String?

    @Option(help: "Relative error that --compare allows. [MARTLET_RTOL]")
    var rtol = Environment.text("MARTLET_RTOL") ?? "1e-4"

    @Option(help: "Absolute error that --compare allows. [MARTLET_ATOL]")
    var atol = Environment.text("MARTLET_ATOL") ?? "1e-5"

    @OptionGroup var passOptions: PassOptions

    @Option(
        help: "Threads that compute together; 0 means one a core. [MARTLET_INTRA_THREADS]")
    var intraThreads = Environment.integer("MARTLET_INTRA_THREADS", default: 1)

    @Option(help: .hidden)
    var batchFile: String?

    mutating func validate() throws {
        try ServeCommand.check(intraThreads, 0...IntraThreads.countMax, "--intra-threads")
    }

    mutating func run() throws {
        let team = IntraThreads.start(intraThreads)
        defer { team.stop() }
        if let batchFile { return InferBatch.run(batchFile) }
        guard let path = model ?? Environment.text("MARTLET_MODEL") else {
            Exit.usage("name a model: martlet infer MODEL --input FILE --output-dir DIR")
        }
        if input.isEmpty, let list = Environment.text("MARTLET_INPUT") {
            input = list.split(separator: ":").map(String.init)
        }
        var model = ModelFile.load(path, passes: passOptions.set)
        if let answer = answer ?? Environment.text("MARTLET_ANSWER"), answer != "prediction" {
            guard let view = model.views.first(where: { $0.name == answer }) else {
                let names = (["prediction"] + model.views.map(\.name)).joined(separator: ", ")
                let reason = answer == "contributions" ? model.unexplained : nil
                Exit.usage(
                    "the model has no answer '\(answer)'; it has: \(names)"
                        + (reason.map { " (\($0))" } ?? ""))
            }
            model = view.model
        }
        let tensors = readInputs(model.signature)
        let outputs: [Tensor]
        do throws(PredictionError) {
            if let onnx = model as? ONNXModel {
                outputs = try onnx.run(tensors)
            } else {
                outputs = try model.run(rows: tensors)
            }
        } catch {
            Exit.failure(error.description)
        }
        let reference = compare ?? Environment.text("MARTLET_COMPARE")
        if let folder = outputDir ?? Environment.text("MARTLET_OUTPUT_DIR") {
            write(outputs, model.signature, to: folder)
        } else if reference == nil {
            write(outputs, model.signature, to: ".")
        }
        if let reference {
            InferComparison(
                folder: reference, relative: tolerance(rtol, "--rtol"),
                absolute: tolerance(atol, "--atol")
            ).run(outputs, model.signature)
        }
    }

    private func tolerance(_ text: String, _ name: String) -> Double {
        guard let value = Double(text), value >= 0, value.isFinite else {
            Exit.usage("\(name) is '\(text)'; it must be a number from 0 on")
        }
        return value
    }

    /// The tensor of every input, in the order of the signature.
    private func readInputs(_ signature: Signature) -> [Tensor] {
        var paths: [String?] = Array(repeating: nil, count: signature.inputs.count)
        var unnamed: [String] = []
        for argument in input {
            if let (index, path) = named(argument, signature) {
                guard paths[index] == nil else {
                    Exit.usage("the input '\(signature.inputs[index].name)' is given twice")
                }
                paths[index] = path
            } else {
                unnamed.append(argument)
            }
        }
        for path in unnamed {
            guard let index = paths.firstIndex(of: nil) else {
                Exit.usage("there are more files than inputs; the model takes \(paths.count)")
            }
            paths[index] = path
        }
        return zip(signature.inputs, paths).map { spec, path in
            guard let path else {
                Exit.usage("no file for the input '\(spec.name)'; add --input \(spec.name)=FILE")
            }
            do throws(TensorFile.Failure) {
                return try TensorFile.read(path, for: spec)
            } catch {
                Exit.failure("input '\(spec.name)': \(error.description)")
            }
        }
    }

    /// Splits `NAME=FILE`. A path with `=` whose front is no input's name stays a path if it exists.
    private func named(_ argument: String, _ signature: Signature) -> (Int, String)? {
        // Names may hold `=` themselves: the longest name that fits wins.
        let fitting = signature.inputs.indices.filter {
            argument.hasPrefix(signature.inputs[$0].name + "=")
        }.max { signature.inputs[$0].name.utf8.count < signature.inputs[$1].name.utf8.count }
        if let fitting {
            return (fitting, String(argument.dropFirst(signature.inputs[fitting].name.count + 1)))
        }
        if argument.contains("="), FileSystem.kind(of: argument) == nil {
            let name = argument.prefix { $0 != "=" }
            let names = signature.inputs.map(\.name).joined(separator: ", ")
            Exit.usage("the model has no input '\(name)'; it has: \(names)")
        }
        return nil
    }

    private func write(_ outputs: [Tensor], _ signature: Signature, to folder: String) {
        do throws(SystemError) {
            try FileSystem.createFolder(folder)
            for (tensor, spec) in zip(outputs, signature.outputs) {
                var file = ByteBuffer()
                NPYWriter.append(tensor, to: &file)
                try FileSystem.write(file, to: "\(folder)/\(Self.fileName(spec.name))")
            }
        } catch {
            Exit.failure(error.description)
        }
    }

    /// `dense/out:0` becomes `dense_out_0.npy`.
    static func fileName(_ name: String) -> String {
        var result = ""
        for scalar in name.unicodeScalars {
            let isKept =
                switch scalar {
                case "a"..."z", "A"..."Z", "0"..."9", ".", "_", "-": true
                default: false
                }
            result.unicodeScalars.append(isKept ? scalar : "_")
        }
        return result + ".npy"
    }
}
