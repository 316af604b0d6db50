import GraphRuntime
import Kernels
import Primitives

/// What the tree ensemble of an ONNX model can be asked for beside its outputs.
///
/// The scores are the ensemble's own, before its post_transform: of a classifier one a class, or a
/// single one where the ensemble has weights for one of two classes only.
public final class ONNXForest: Model {
    public enum Answer: String, Sendable, CaseIterable {
        /// The ensemble's scores.
        case margin
        /// The leaf that a row reaches in each tree, by its place among the tree's nodes in the file.
        case leaf
        /// What each column of the input added to the scores, and last the score to be expected.
        case contributions
    }

    public let signature: Signature
    public let answer: Answer
    private let forest: Forest
    /// Rows computed at once, in arrays that are made for a call.
    private static let blockRows = 256

    /// Nil when the forest has no such answer for an input of these columns.
    init?(_ forest: Forest, _ input: TensorSpec, _ answer: Answer) {
        let columns = input.shape.last ?? 0
        if answer == .contributions, Self.refusal(forest, columns: columns) != nil { return nil }
        if answer == .leaf, forest.treeCount == 0 { return nil }
        self.forest = forest
        self.answer = answer
        let scores: DataType =
            switch forest.precision {
            case .float32: .float32
            case .float64: .float64
            }
        let targets = forest.targetCount == 1 ? [] : [forest.targetCount]
        let output: TensorSpec =
            switch answer {
            case .margin: TensorSpec("margin", scores, [-1] + targets)
            case .leaf: TensorSpec("leaf", .int32, [-1, forest.treeCount])
            case .contributions: TensorSpec("contributions", scores, [-1] + targets + [columns + 1])
            }
        signature = Signature(inputs: [input], outputs: [output], batchDimension: .dynamic)
    }

    /// Why a forest does not explain its scores of rows with so many columns; nil when it does.
    static func refusal(_ forest: Forest, columns: Int, limits: Limits = .standard) -> String? {
        let (width, overflow) = forest.targetCount.multipliedReportingOverflow(by: columns + 1)
        if overflow || width > limits.contributionsMax {
            return "contributions of a row would be more than \(limits.contributionsMax) numbers"
        }
        if forest.depth > limits.explanationDepthMax {
            return "its trees are deeper than \(limits.explanationDepthMax)"
        }
        if !forest.hasCovers {
            return "its file does not say how many training rows came through each node "
                + "(nodes_hitrates that add up, from leaves to roots)"
        }
        return forest.explains ? nil : "a least or greatest leaf is no sum of contributions"
    }

    public convenience init(
        artifact: Artifact, context: LoadContext
    ) throws(ModelLoadError) {
        let model = try ONNXModel(artifact: artifact, context: context)
        guard let view = model.views.first(where: { $0.name == Answer.margin.rawValue }),
            let found = view.model as? ONNXForest
        else { throw ModelLoadError(path: artifact.path, reason: "it is no tree ensemble") }
        self.init(found)
    }

    private init(_ other: ONNXForest) {
        (signature, answer, forest) = (other.signature, other.answer, other.forest)
    }

    public func predict(
        _ batch: borrowing TensorBatch, into results: inout TensorBatch
    ) throws(PredictionError) {
        guard batch.columns.count == 1, results.columns.count == 1,
            results.rowCount == batch.rowCount
        else {
            throw PredictionError(.failed, "the batch does not have the columns of the signature")
        }
        switch forest.precision {
        case .float32: predict(batch, into: &results, as: Float.self)
        case .float64: predict(batch, into: &results, as: Double.self)
        }
    }

    private func predict<Value: TabularValue>(
        _ batch: borrowing TensorBatch, into results: inout TensorBatch, as type: Value.Type
    ) {
        let columns = signature.inputs[0].shape.last ?? 0
        var x = [Value](repeating: 0, count: min(Self.blockRows, batch.rowCount) * columns)
        var start = 0
        while start < batch.rowCount {
            let rows = min(Self.blockRows, batch.rowCount - start)
            let source = batch.window(rowStart: start, rowCount: rows)
            let target = results.window(rowStart: start, rowCount: rows)
            var packed = x.mutableSpan
            switch signature.inputs[0].dataType {
            case .float64: copy(source.values(0, as: Double.self), to: &packed) { Value($0) }
            case .int64: copy(source.values(0, as: Int64.self), to: &packed) { Value(Float($0)) }
            case .int32: copy(source.values(0, as: Int32.self), to: &packed) { Value(Float($0)) }
            case .float32, .float16, .bfloat16, .int8, .int16, .uint8, .uint16, .uint32, .uint64,
                .bool, .string:
                copy(source.values(0, as: Float.self), to: &packed) { Value($0) }
            }
            write(x.span.extracting(0..<rows * columns), rows, columns, target)
            start += rows
        }
    }

    private func copy<Source: BitwiseCopyable, Value: TabularValue>(
        _ source: Span<Source>, to target: inout MutableSpan<Value>, _ convert: (Source) -> Value
    ) {
        for index in 0..<source.count { target[index] = convert(source[index]) }
    }

    private func write<Value: TabularValue>(
        _ x: Span<Value>, _ rows: Int, _ columns: Int, _ results: borrowing TensorBatch
    ) {
        switch answer {
        case .margin:
            var y = results.mutableValues(0, as: Value.self)
            Value.scores(forest, x, rows: rows, features: columns, &y)
        case .leaf:
            var y = results.mutableValues(0, as: Int32.self)
            Value.leaves(forest, x, rows: rows, features: columns, &y)
            for index in y.indices { y[index] = Int32(forest.origin(of: y[index])) }
        case .contributions: writeContributions(x, rows, columns, results)
        }
    }

    /// The kernel knows only the columns that trees test, which are the first: the others add nothing.
    private func writeContributions<Value: TabularValue>(
        _ x: Span<Value>, _ rows: Int, _ columns: Int, _ results: borrowing TensorBatch
    ) {
        let (tested, targets) = (forest.featureCount, forest.targetCount)
        var packed = [Value](repeating: 0, count: rows * tested)
        for row in 0..<rows {
            for column in 0..<tested { packed[row * tested + column] = x[row * columns + column] }
        }
        var found = [Value](repeating: 0, count: rows * targets * (tested + 1))
        var span = found.mutableSpan
        Value.contributions(forest, packed.span, rows: rows, &span)
        var y = results.mutableValues(0, as: Value.self)
        for score in 0..<rows * targets {
            let (source, target) = (score * (tested + 1), score * (columns + 1))
            for column in 0..<columns {
                y[target + column] = column < tested ? found[source + column] : 0
            }
            y[target + columns] = found[source + tested]
        }
    }
}

extension ONNXModel {
    /// The views of the model's tree ensemble, and why it has no contributions.
    static func forestViews(
        _ compiled: CompiledGraph, _ signature: Signature
    ) throws(GraphError) -> (views: [ModelView], unexplained: String?) {
        let found = try compiled.findForest()
        let forest: Forest
        switch found {
        case .none: return ([], nil)
        case .refused(let reason): return ([], reason)
        case .found(let one): forest = one
        }
        guard signature.batchDimension == .dynamic, signature.inputs.count == 1,
            let input = signature.inputs.first, input.shape.count == 2, input.shape[1] >= 0
        else { return ([], "the model does not say how many columns its input has") }
        let taken = Set(signature.outputs.map(\.name))
        let views = ONNXForest.Answer.allCases.compactMap { answer -> ModelView? in
            guard !taken.contains(answer.rawValue),
                let model = ONNXForest(forest, input, answer)
            else { return nil }
            return ModelView(
                answer == .contributions ? .explanation : .output, answer.rawValue, model)
        }
        return (views, ONNXForest.refusal(forest, columns: input.shape[1]))
    }
}
