import Models
import Primitives
import Synchronization
import Telemetry

/// The named, versioned models of the process.
///
/// Loading happens on the thread that calls `load`, never on a loop. Each change of state publishes a
/// new snapshot; readers compare a generation and take the new one when it differs.
public final class Registry: Sendable {
    private struct State {
        var models: [RegisteredModel] = []
        var snapshot: RegistrySnapshot
        var nextIndex = 0
    }

    private let state: Mutex<State>
    private let generationCell = Atomic<UInt64>(0)
    private let metrics: ServerMetrics
    private let limits: Limits
    private let defaultName: String?
    private let log: Log

    public init(metrics: ServerMetrics, limits: Limits, defaultName: String?, log: Log) {
        self.metrics = metrics
        self.limits = limits
        self.defaultName = defaultName
        self.log = log
        state = Mutex(
            State(snapshot: RegistrySnapshot(models: [], generation: 0, defaultName: nil)))
    }

    /// Changes whenever the snapshot does.
    public var generation: UInt64 { generationCell.load(ordering: .acquiring) }

    public var snapshot: RegistrySnapshot { state.withLock { $0.snapshot } }

    /// Makes the models known, in state loading, before any of them is loaded.
    public func register(_ found: [FoundModel], _ compiled: [CompiledModel]) {
        var models = found.map { model in
            RegisteredModel(
                name: model.name, configuration: ModelConfiguration(limits: limits),
                versions: model.versions.map { .init(version: $0.version, state: .loading) })
        }
        models += compiled.map { model in
            RegisteredModel(
                name: model.name, configuration: model.configuration,
                versions: [.init(version: "1", state: .loading)])
        }
        models.sort { $0.name < $1.name }
        publish { $0.models = models }
    }

    /// Loads and warms up everything that was found, one after another; a model that fails is marked
    /// and the next one is tried. Returns how many versions are ready.
    public func load(
        _ found: [FoundModel], _ compiled: [CompiledModel], formats: [ModelFormat],
        context: LoadContext
    ) -> Int {
        var readyCount = 0
        for model in found {
            var configuration = ModelConfiguration(limits: limits)
            if let path = model.configurationPath {
                do {
                    configuration = try ModelConfiguration(path: path, limits: limits)
                } catch {
                    for version in model.versions {
                        let figures = metrics.addModel(model.name, version: version.version)
                        fail(model.name, version.version, figures, error.description)
                    }
                    continue
                }
            }
            publish { state in
                for index in state.models.indices where state.models[index].name == model.name {
                    state.models[index].configuration = configuration
                }
            }
            for version in model.versions {
                guard let format = formats.first(where: { $0.name == version.format }) else {
                    preconditionFailure("a found model has one of the formats it was looked for")
                }
                let artifact = Artifact(
                    name: model.name, version: version.version, path: version.path)
                let isReady = load(artifact, configuration) { () throws(ModelLoadError) in
                    try format.load(artifact, context)
                }
                if isReady { readyCount += 1 }
            }
        }
        for model in compiled {
            let artifact = Artifact(name: model.name, version: "1", path: "")
            let isReady = load(artifact, model.configuration) { () throws(ModelLoadError) in
                try model.load(artifact, context)
            }
            if isReady { readyCount += 1 }
        }
        return readyCount
    }

    private func load(
        _ artifact: Artifact, _ configuration: ModelConfiguration,
        _ make: () throws(ModelLoadError) -> any Model
    ) -> Bool {
        let begin = MonotonicClock.nanoseconds
        let figures = metrics.addModel(artifact.name, version: artifact.version)
        let model: any Model
        do throws(ModelLoadError) {
            model = try make()
        } catch {
            fail(artifact.name, artifact.version, figures, error.description)
            return false
        }
        figures.setState(.warming)
        set(artifact.name, artifact.version, .warming)
        // Their numbers stand for themselves, whatever the model's classes are called.
        var plain = configuration
        plain.labels = []
        let views = model.views.map { view in
            ModelVersion.View(
                question: view.question, name: view.name,
                version: ModelVersion(
                    name: artifact.name, version: artifact.version, index: takeIndex(),
                    model: view.model, configuration: plain, metrics: figures))
        }
        let version = ModelVersion(
            name: artifact.name, version: artifact.version, index: takeIndex(), model: model,
            configuration: configuration, metrics: figures, views: views)
        if let problem = WarmUp.run(version) {
            fail(artifact.name, artifact.version, figures, "the warm-up run failed: \(problem)")
            return false
        }
        figures.setLoadTime(nanoseconds: MonotonicClock.nanoseconds &- begin)
        figures.setState(.ready)
        set(artifact.name, artifact.version, .ready(version))
        return true
    }

    private func takeIndex() -> Int {
        state.withLock { state in
            defer { state.nextIndex += 1 }
            return state.nextIndex
        }
    }

    private func fail(
        _ name: String, _ version: String, _ figures: ModelMetrics, _ reason: String
    ) {
        figures.setState(.failed)
        log.error("model '\(name)' version \(version) is not served: \(reason)")
        set(name, version, .failed(reason))
    }

    private func set(_ name: String, _ version: String, _ modelState: ModelState) {
        publish { state in
            for index in state.models.indices where state.models[index].name == name {
                for position in state.models[index].versions.indices
                where state.models[index].versions[position].version == version {
                    state.models[index].versions[position].state = modelState
                }
            }
        }
    }

    private func publish(_ change: (inout State) -> Void) {
        state.withLock { state in
            change(&state)
            let generation = state.snapshot.generation + 1
            state.snapshot = RegistrySnapshot(
                models: state.models, generation: generation, defaultName: defaultName)
            generationCell.store(generation, ordering: .releasing)
        }
    }
}
