import ArgumentParser
import GraphRuntime
import Kernels
import Models
import Primitives

/// `martlet inspect`
struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show what a model takes and gives, its operators, parameters and memory.",
        discussion: """
            MODEL is a model file, a version's folder or a model's folder (its highest version is
            taken). A '-' in a shape is a size that each request chooses; in front it is the batch.

              martlet inspect models/digits
              martlet inspect model.onnx --batch 64
              martlet inspect model.onnx --batch 1 --profile

            --profile runs the model on zeros and shows what each operator costs.
            """)

    @Argument(help: "The model file or folder. [MARTLET_MODEL]")
    var model: String?

    @Option(help: "Rows to compute the memory of a batch for. [MARTLET_BATCH]")
    var batch = Environment.integer("MARTLET_BATCH", default: 32)

    @Flag(help: "Run a batch and show the time each operator takes. [MARTLET_PROFILE=1]")
    var profile = false

    @OptionGroup var passOptions: PassOptions

    mutating func validate() throws {
        guard (1...1_000_000).contains(batch) else {
            throw ValidationError("--batch is \(batch); it must be from 1 to 1000000")
        }
    }

    mutating func run() throws {
        guard let path = model ?? Environment.text("MARTLET_MODEL") else {
            Exit.usage("name a model: martlet inspect MODEL")
        }
        let file = ModelFile.find(path)
        let model = ModelFile.load(file, passes: passOptions.set)
        StandardStreams.output(Self.text(model, file: file, batch: batch))
        if profile || Environment.text("MARTLET_PROFILE") == "1" {
            guard let graph = model as? ONNXModel else {
                Exit.failure("--profile takes an ONNX model: \(file) is no graph of operators")
            }
            StandardStreams.output(Self.profile(graph, batch: batch))
        }
    }

    /// A line an operator: its share, its time a run, and how many steps it has.
    private static func profile(_ model: ONNXModel, batch: Int) -> String {
        let rows = model.signature.batchDimension == .dynamic ? min(batch, model.rowsPerBlock) : 1
        let lines: [CompiledGraph.ProfileLine]
        do throws(GraphError) {
            lines = try model.compiled.profile(inputShapes: model.shapes(rows: rows), runs: 5)
        } catch {
            return "profile     cannot be made: \(error.description)\n"
        }
        let total = max(lines.reduce(0) { $0 + $1.nanoseconds }, 1)
        var text = "profile     \(Int(total / 1000)) µs for \(rows) rows at a time\n"
        for line in lines {
            let share = Int((100 * line.nanoseconds / total).rounded())
            text += padded("", 12) + padded("\(share) %", 6)
            text += padded("\(Int(line.nanoseconds / 1000)) µs", 12)
            text += "\(line.name) × \(line.stepCount)\n"
        }
        return text
    }

    static func text(_ model: any Model, file: String, batch: Int) -> String {
        var text = "model       \(file)\n"
        let graph = (model as? ONNXModel)?.compiled
        if let graph, !graph.name.isEmpty { text += "graph       \(graph.name)\n" }
        if let tabular = model as? TabularModel {
            text += "library     \(tabular.library)\n"
            if !tabular.objective.isEmpty { text += "objective   \(tabular.objective)\n" }
        }
        text += lines("inputs", model.signature.inputs)
        text += lines("outputs", model.signature.outputs)
        text += "batch       \(sentence(model.signature.batchDimension))\n"
        if !model.classLabels.isEmpty { text += "classes     \(list(model.classLabels))\n" }
        if let tabular = model as? TabularModel { text += lines(tabular) }
        let views = model.views.map(\.name)
        if !views.isEmpty { text += "also gives  \(views.joined(separator: ", "))\n" }
        if let onnx = model as? ONNXModel { text += lines(onnx, batch: batch) }
        return text
    }

    private static func lines(_ model: TabularModel) -> String {
        var text = ""
        if let names = model.signature.inputs.first?.features?.names {
            text += "features    \(list(names))\n"
        }
        if let forest = model.forest {
            text += "trees       \(forest.treeCount), \(forest.nodeCount) nodes, "
            text += "\(forest.depth) deep, \(size(forest.byteCount))\n"
            let layouts = forest.layouts
            text += "layouts     \(layouts.rows) for batches, \(layouts.row) for single rows\n"
        }
        return text
    }

    private static func lines(_ model: ONNXModel, batch: Int) -> String {
        let compiled = model.compiled
        var text = ""
        let operators = compiled.operatorCounts.map { "\($0.name) × \($0.count)" }
        text += "operators   \(operators.joined(separator: ", "))\n"
        let effects = compiled.passEffects.filter { $0.removed != 0 }
        if !effects.isEmpty {
            let words = effects.map { "\($0.pass.rawValue) -\($0.removed)" }
            text += "passes      \(words.joined(separator: ", ")) nodes\n"
        }
        text += "parameters  \(compiled.parameterCount), \(size(compiled.parameterByteCount))\n"
        do throws(GraphError) {
            let isDynamic = model.signature.batchDimension == .dynamic
            let rows = isDynamic ? batch : 1
            let arena = try model.arenaByteCount(rows: rows)
            let plan = try compiled.plan(inputShapes: model.shapes(rows: rows))
            text += "steps       \(plan.stepCount) after folding and fusing\n"
            text += "memory      \(size(arena)) of intermediate values a thread"
            text += isDynamic ? " for \(min(rows, model.rowsPerBlock)) rows at a time\n" : "\n"
            let operations = try model.operationsPerRow()
            text += "arithmetic  \(count(operations)) operations a row\n"
        } catch {
            text += "memory      unknown: \(error.description)\n"
        }
        return text
    }

    private static func lines(_ title: String, _ specs: [TensorSpec]) -> String {
        var text = ""
        let width = specs.map(\.name.count).max() ?? 0
        for (index, spec) in specs.enumerated() {
            let head = index == 0 ? title : ""
            let shape = spec.shape.map { $0 < 0 ? "-" : String($0) }.joined(separator: ", ")
            text +=
                padded(head, 12) + padded(spec.name, width) + "  \(spec.dataType.name) [\(shape)]\n"
        }
        return text
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private static func sentence(_ dimension: BatchDimension) -> String {
        switch dimension {
        case .dynamic: "any number of rows; requests are gathered"
        case .fixed(let rows): "\(rows) rows a run"
        case .none: "none; each run takes whole tensors"
        }
    }

    private static func list(_ names: [String]) -> String {
        let rest = names.count > 20 ? ", … (\(names.count))" : ""
        return names.prefix(20).joined(separator: ", ") + rest
    }

    private static func size(_ byteCount: Int) -> String {
        if byteCount < 10_240 { return "\(byteCount) bytes" }
        if byteCount < 10 << 20 { return "\(byteCount >> 10) KiB" }
        return "\(byteCount >> 20) MiB"
    }

    private static func count(_ value: Double) -> String {
        let units = [(1e9, "G"), (1e6, "M"), (1e3, "k")]
        for (unit, letter) in units where value >= unit {
            let tenths = (value / unit * 10).rounded() / 10
            return "\(tenths) \(letter)"
        }
        return "\(Int(value))"
    }
}
