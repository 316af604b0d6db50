import Models
import Primitives

/// Where a model version stands.
public enum ModelState: Sendable {
    /// In the source, not loaded.
    case found
    case loading
    case warming
    case ready(ModelVersion)
    /// No new requests get it; those that have it finish.
    case draining
    /// Why it cannot be served.
    case failed(String)

    public var name: StaticString {
        switch self {
        case .found: "found"
        case .loading: "loading"
        case .warming: "warming"
        case .ready: "ready"
        case .draining: "draining"
        case .failed: "failed"
        }
    }

    public var ready: ModelVersion? {
        if case .ready(let version) = self { version } else { nil }
    }
}

/// A registered model with all its versions. A class, since each request looks at one: a struct of so
/// many references would count all of them.
public final class RegisteredModel: Sendable {
    public struct Version: Sendable {
        public let version: String
        public let state: ModelState
        /// Why new content was not taken, while the old one is served.
        public let lastFailure: String?
        /// The SHA-256 of the content that is served, once it is known.
        public let digest: SHA256.Digest?
    }

    public let name: String
    public let configuration: ModelConfiguration
    /// In ascending order of their numbers.
    public let versions: [Version]
    /// Labels and the ready versions they stand at, in the order of their names.
    public let labels: [(label: String, version: String)]
    /// What a request without version and label gets, canaries aside.
    public let defaultVersion: ModelVersion?
    public let canary: CanaryRoute?
    public let shadow: ShadowRoute?
    /// Why the last model.json was not taken.
    public let problem: String?

    init(
        name: String, configuration: ModelConfiguration, versions: [Version],
        labels: [(label: String, version: String)], defaultVersion: ModelVersion?,
        canary: CanaryRoute?, shadow: ShadowRoute?, problem: String?
    ) {
        self.name = name
        self.configuration = configuration
        self.versions = versions
        self.labels = labels
        self.defaultVersion = defaultVersion
        self.canary = canary
        self.shadow = shadow
        self.problem = problem
    }

    /// The ready version that a label stands at.
    public func version(labelled label: Span<UInt8>) -> ModelVersion? {
        for stand in labels where Self.equal(stand.label, label) {
            for version in versions where version.version == stand.version {
                return version.state.ready
            }
        }
        return nil
    }

    private static func equal(_ text: String, _ bytes: Span<UInt8>) -> Bool {
        let utf8 = text.utf8
        guard utf8.count == bytes.count else { return false }
        var index = 0
        for byte in utf8 {
            guard byte == bytes[index] else { return false }
            index += 1
        }
        return true
    }
}

/// The registry at one moment; loops keep one and look things up in it without a lock.
public final class RegistrySnapshot: Sendable {
    public let models: [RegisteredModel]
    public let generation: UInt64
    /// The model that `POST /predict` without a name means.
    public let defaultModel: Int?
    /// The first pass over the source is done.
    public let isComplete: Bool
    private let names: NameTable

    init(
        models: [RegisteredModel], generation: UInt64, defaultName: String?, isComplete: Bool
    ) {
        self.models = models
        self.generation = generation
        self.isComplete = isComplete
        names = NameTable(models.map(\.name))
        if let defaultName {
            defaultModel = models.firstIndex { $0.name == defaultName }
        } else {
            defaultModel = models.count == 1 ? 0 : nil
        }
    }

    /// The index in `models` of a name given as bytes.
    public func index(of name: Span<UInt8>) -> Int? { names.index(of: name) }

    /// The first pass over the source is done, every required model answers, and at least one does.
    public var isReady: Bool {
        isComplete && missing == nil && models.contains { $0.defaultVersion != nil }
    }

    /// The first required model that does not answer.
    public var missing: String? {
        models.first { $0.configuration.traffic.isRequired && $0.defaultVersion == nil }?.name
    }
}
