import Kernels
import Primitives

/// A model from the file of a library for tabular data: XGBoost's `.json` and `.ubj`, LightGBM's
/// text and its JSON dump. The file's name does not matter: what it is, its content says.
///
/// Input: `features`, float32 for XGBoost and float64 for LightGBM, as the libraries compare. NaN is
/// a missing value. Outputs of a classifier are `label` and `probabilities`, of any other model
/// `prediction`. What else can be asked of it are its `views`.
public final class TabularModel: Model {
    /// What is answered.
    public enum Answer: String, Sendable, CaseIterable {
        /// A class and probabilities, or the predicted value.
        case prediction
        /// The probabilities alone.
        case probability
        /// The sums of the leaves, before the link function.
        case margin
        /// The leaf that a row reaches in each tree, numbered as the library does.
        case leaf
        /// What each feature added to the margin, and last the bias: path-dependent TreeSHAP.
        case contributions
    }

    public let signature: Signature
    public let classLabels: [String]
    public let answer: Answer
    let contents: TabularContents
    let scratch: ScratchPool
    /// Rows computed at once.
    static let blockRows = 256

    public convenience init(
        artifact: Artifact, context: LoadContext
    ) throws(ModelLoadError) {
        try self.init(path: artifact.path)
    }

    /// Reads the file at `path`.
    public convenience init(path: String, limits: Limits = .standard) throws(ModelLoadError) {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try FileSystem.contents(of: path, byteCountMax: limits.modelBytesMax)
        } catch {
            throw ModelLoadError(path: path, reason: error.reason)
        }
        try self.init(bytes, path: path, limits: limits)
    }

    /// A model from a file that is in memory already; `path` is for messages only.
    public convenience init(
        _ bytes: [UInt8], path: String, limits: Limits = .standard
    ) throws(ModelLoadError) {
        self.init(try TabularReader.read(bytes, path: path, limits: limits), .prediction)
    }

    init(_ contents: TabularContents, _ answer: Answer) {
        self.contents = contents
        self.answer = answer
        signature = Self.signature(contents, answer)
        // A view gives plain numbers.
        let classCount =
            answer != .prediction
            ? 0 : contents.link.classCount(targets: contents.scorer.targetCount)
        classLabels = (0..<classCount).map { String($0) }
        let row = contents.scorer.targetCount * 8 + contents.scorer.scratchBytesPerRow
        scratch = ScratchPool(byteCount: Self.blockRows * max(row, 8))
    }

    /// Who wrote the file.
    public var library: String { contents.library }
    /// The objective it was trained with, in the library's words.
    public var objective: String { contents.objective }
    /// Its trees, if it has any.
    public var forest: Forest? { contents.scorer.forest }

    private static func signature(_ contents: TabularContents, _ answer: Answer) -> Signature {
        let type: DataType =
            switch contents.precision {
            case .float32: .float32
            case .float64: .float64
            }
        let input = TensorSpec(
            "features", type, [-1, contents.featureCount], features: contents.features)
        let targets = contents.scorer.targetCount
        let single = targets == 1
        let classes = contents.link.classCount(targets: targets)
        let outputs: [TensorSpec]
        switch answer {
        case .prediction:
            if contents.link.hasProbabilities {
                outputs = [
                    TensorSpec("label", .int64, [-1]),
                    TensorSpec("probabilities", type, [-1, classes]),
                ]
            } else if contents.link.isClassifier {
                outputs = [TensorSpec("label", .int64, [-1])]
            } else {
                outputs = [TensorSpec("prediction", type, single ? [-1] : [-1, targets])]
            }
        case .probability: outputs = [TensorSpec("probability", type, [-1, classes])]
        case .margin: outputs = [TensorSpec("margin", type, single ? [-1] : [-1, targets])]
        case .leaf:
            outputs = [
                TensorSpec("leaf", .int32, [-1, contents.scorer.forest?.treeCount ?? 0])
            ]
        case .contributions:
            let width = contents.featureCount + 1
            outputs = [
                TensorSpec("contributions", type, single ? [-1, width] : [-1, targets, width])
            ]
        }
        return Signature(inputs: [input], outputs: outputs, batchDimension: .dynamic)
    }

    /// What can be asked for with `?output=` and `?explain=`.
    public var views: [ModelView] {
        guard answer == .prediction else { return [] }
        return Answer.allCases.compactMap { other in
            guard other != .prediction, let model = answering(other) else { return nil }
            return ModelView(
                other == .contributions ? .explanation : .output, other.rawValue, model)
        }
    }

    /// The same model, asked for something else; nil when it has no such answer.
    public func answering(_ answer: Answer) -> TabularModel? {
        switch answer {
        case .prediction, .margin: break
        case .probability: guard contents.link.hasProbabilities else { return nil }
        case .leaf: guard contents.scorer.forest?.treeCount ?? 0 > 0 else { return nil }
        case .contributions: guard unexplained == nil else { return nil }
        }
        return TabularModel(contents, answer)
    }

    /// Why contributions cannot be computed; nil when they can.
    public var unexplained: String? {
        let limits = Limits.standard
        switch contents.scorer {
        case .forest(let forest):
            if !forest.hasCovers {
                return "its file does not say how many training rows came through each node"
            }
            if forest.depth > limits.explanationDepthMax {
                return "its trees are deeper than \(limits.explanationDepthMax)"
            }
        case .linearLeaves:
            return
                "its leaves hold linear functions (linear_tree), which LightGBM does not explain "
                + "either"
        case .linear: break
        }
        let (count, overflow) = contents.scorer.targetCount.multipliedReportingOverflow(
            by: contents.featureCount + 1)
        guard !overflow, count <= limits.contributionsMax else {
            return "contributions of a row would be more than \(limits.contributionsMax) numbers"
        }
        return nil
    }
}
