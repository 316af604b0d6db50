import GraphRuntime
import Primitives

/// A trained model: loaded once, then asked for predictions on whole batches.
///
/// Conform a type of your own to serve it (see Examples/SwiftModel), or let a format reader make
/// one from a file (`ONNXModel`).
public protocol Model: Sendable {
    /// Runs once, off the request path. Throws `ModelLoadError` naming what is wrong with the artifact.
    init(artifact: Artifact, context: LoadContext) throws(ModelLoadError)

    /// Named inputs and outputs: dtype, shape (-1 = batch).
    var signature: Signature { get }

    /// What a classifier calls its classes, by index (integers as text); empty when it does not say.
    var classLabels: [String] { get }

    /// The same model, asked for something else: `?output=margin`, `?explain=contributions`.
    var views: [ModelView] { get }

    /// Why the model does not explain its predictions, for clients who ask; nil when it does, or when
    /// there is nothing to say.
    var unexplained: String? { get }

    /// Batches of up to so many rows are planned each by its size, so that the first run of a size costs
    /// more than later ones; 1 when sizes do not matter.
    var plannedRows: Int { get }

    /// Runs on whole batches, on any thread, concurrently. Row `r` of every result belongs to row `r`
    /// of the batch, and must not depend on the other rows.
    func predict(
        _ batch: borrowing TensorBatch, into results: inout TensorBatch
    ) throws(PredictionError)
}

extension Model {
    public var classLabels: [String] { [] }
    public var views: [ModelView] { [] }
    public var unexplained: String? { nil }
    public var plannedRows: Int { 1 }
}

/// Another answer that a model can give, with a signature of its own. Rows asked for it are
/// gathered in batches of their own.
public struct ModelView: Sendable {
    public enum Question: Sendable, Equatable {
        /// Asked for with `?output=`.
        case output
        /// Asked for with `?explain=`.
        case explanation
    }

    public let question: Question
    public let name: String
    public let model: any Model

    public init(_ question: Question, _ name: String, _ model: any Model) {
        self.question = question
        self.name = name
        self.model = model
    }
}

/// What a model is loaded from.
public struct Artifact: Sendable {
    public let name: String
    public let version: String
    /// The model file, or the version's folder for a model that keeps several files. Empty for a
    /// model that is compiled in and needs no file.
    public let path: String

    public init(name: String, version: String, path: String) {
        self.name = name
        self.version = version
        self.path = path
    }
}

/// What the server tells a model while loading it.
public struct LoadContext: Sendable {
    /// Threads one prediction may use.
    public let threadCount: Int
    /// Rewritings that graphs of operators go through.
    public let passes: Set<Pass>

    public init(threadCount: Int = 1, passes: Set<Pass> = Set(Pass.allCases)) {
        self.threadCount = threadCount
        self.passes = passes
    }
}

/// Why a model could not be loaded: where in which file, and what is wrong there.
public struct ModelLoadError: Error, Sendable, CustomStringConvertible {
    public let path: String
    /// The place inside the file (`node 3 'dense1/MatMul' (MatMul, ai.onnx 13)`), or empty.
    public let place: String
    public let reason: String

    public init(path: String, place: String = "", reason: String) {
        self.path = path
        self.place = place
        self.reason = reason
    }

    public var description: String {
        let head = place.isEmpty ? path : "\(path): \(place)"
        return "\(head): \(reason)"
    }
}

/// Why a batch could not be computed.
public struct PredictionError: Error, Sendable, CustomStringConvertible {
    public enum Kind: Sendable, Equatable {
        /// The values are outside of what the model accepts: the client's mistake.
        case badInput
        /// The model failed: ours.
        case failed
    }

    public let kind: Kind
    public let description: String

    public init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}
