import Models
import Primitives

/// Where a model version stands.
public enum ModelState: Sendable {
    case loading
    case warming
    case ready(ModelVersion)
    /// Why it cannot be served.
    case failed(String)

    public var name: StaticString {
        switch self {
        case .loading: "loading"
        case .warming: "warming"
        case .ready: "ready"
        case .failed: "failed"
        }
    }

    public var ready: ModelVersion? {
        if case .ready(let version) = self { version } else { nil }
    }
}

/// A registered model with all its versions.
public struct RegisteredModel: Sendable {
    public struct Version: Sendable {
        public let version: String
        public internal(set) var state: ModelState
    }

    public let name: String
    public internal(set) var configuration: ModelConfiguration
    /// In ascending order of their numbers.
    public internal(set) var versions: [Version]

    /// What a request without a version gets: the newest that is ready.
    public var defaultVersion: ModelVersion? {
        for version in versions.reversed() {
            if let ready = version.state.ready { return ready }
        }
        return nil
    }
}

/// The registry at one moment; loops keep one and look things up in it without a lock.
public final class RegistrySnapshot: Sendable {
    public let models: [RegisteredModel]
    public let generation: UInt64
    /// The model that `POST /predict` without a name means.
    public let defaultModel: Int?
    private let names: NameTable

    init(models: [RegisteredModel], generation: UInt64, defaultName: String?) {
        self.models = models
        self.generation = generation
        names = NameTable(models.map(\.name))
        if let defaultName {
            defaultModel = models.firstIndex { $0.name == defaultName }
        } else {
            defaultModel = models.count == 1 ? 0 : nil
        }
    }

    /// The index in `models` of a name given as bytes.
    public func index(of name: Span<UInt8>) -> Int? { names.index(of: name) }

    /// Every model has a version that answers, and none is still on its way.
    public var isReady: Bool {
        !models.isEmpty
            && models.allSatisfy { model in
                model.versions.allSatisfy { version in
                    switch version.state {
                    case .loading, .warming: false
                    case .ready, .failed: true
                    }
                }
            } && models.contains { $0.defaultVersion != nil }
    }
}
