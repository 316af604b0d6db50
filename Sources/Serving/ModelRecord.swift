import Models
import Primitives

/// What the loader knows of one model: its versions, its configuration, what the operator said.
///
/// Says which version a request gets, without loading anything.
struct ModelRecord {
    /// The operator went back to a version; a version newer than all known then ends it.
    struct Rollback: Equatable {
        let version: String
        let newest: String
    }

    let name: String
    let compiled: CompiledModel?
    var configuration: ModelConfiguration
    var configurationStamp: FileStamp?
    /// SHA-256 of the model.json that was taken; empty without one.
    var configurationDigest = ""
    /// Why the last model.json was not taken.
    var configurationProblem: String?
    /// In ascending order of their numbers.
    var versions: [VersionRecord] = []
    /// Where labels are to stand: those of model.json, changed by the operator.
    private(set) var wantedLabels: [(label: String, version: String)] = []
    /// Where labels stand: at versions that are ready.
    private(set) var labels: [(label: String, version: String)] = []
    var rollback: Rollback?
    /// Default versions so far, the present one last.
    private(set) var defaults: [String] = []
    /// The operator unloaded the model as a whole.
    var isHeld = false
    /// What was last written down of what operators said.
    var keptState = OperatorState()

    init(name: String, compiled: CompiledModel?, configuration: ModelConfiguration) {
        self.name = name
        self.compiled = compiled
        self.configuration = configuration
        wantedLabels = configuration.traffic.labels
    }

    var traffic: TrafficConfiguration { configuration.traffic }

    func index(of version: String) -> Int? { versions.firstIndex { $0.version == version } }

    func served(_ version: String) -> ModelVersion? {
        index(of: version).flatMap { versions[$0].served?.version }
    }

    /// The versions to load, ascending: what the policy wants and the operator added, less what the
    /// operator took away.
    var wanted: [String] {
        guard !isHeld else { return [] }
        let there = versions.filter { $0.found != nil || compiled != nil }
        let byPolicy = Set(traffic.policy.select(there.map(\.version)))
        return there.filter { !$0.isHeld && ($0.isPinned || byPolicy.contains($0.version)) }
            .map(\.version)
    }

    // MARK: What the operator says

    /// A new model.json counts more than what was said before it.
    mutating func apply(_ configuration: ModelConfiguration) {
        self.configuration = configuration
        configurationProblem = nil
        wantedLabels = configuration.traffic.labels
        rollback = nil
    }

    /// Labels stand where these say, and nowhere else.
    mutating func sayLabels(_ labels: [(label: String, version: String)]) {
        wantedLabels = labels
        settleLabels()
    }

    mutating func setLabel(_ label: String, _ version: String) {
        wantedLabels.removeAll { $0.label == label }
        wantedLabels.append((label, version))
        settleLabels()
    }

    mutating func removeLabel(_ label: String) {
        wantedLabels.removeAll { $0.label == label }
        labels.removeAll { $0.label == label }
    }

    /// Goes back to a version, which is served.
    mutating func rollBack(to version: String) {
        let newest = versions.last?.version ?? version
        rollback = Rollback(version: version, newest: newest)
        // A further rollback goes further back.
        while let last = defaults.last, last != version { defaults.removeLast() }
    }

    // MARK: What requests get

    /// Moves labels whose version is ready; others stay where they are while that is.
    mutating func settleLabels() {
        var settled: [(label: String, version: String)] = []
        for (label, version) in wantedLabels {
            if served(version) != nil {
                settled.append((label, version))
            } else if let old = labels.first(where: { $0.label == label }),
                served(old.version) != nil
            {
                settled.append(old)
            }
        }
        labels = settled.sorted { $0.label < $1.label }
    }

    /// The version that a version or a label names.
    func resolve(_ name: String) -> ModelVersion? {
        if let version = served(name) { return version }
        guard let stand = labels.first(where: { $0.label == name }) else { return nil }
        return served(stand.version)
    }

    /// Settles labels and the default after any change, and remembers the default for a rollback.
    mutating func settle(depthMax: Int) {
        settleLabels()
        if let rollback, let newest = newestReady,
            VersionName.isBefore(rollback.newest, newest.version)
        {
            self.rollback = nil
        }
        guard let version = defaultVersion?.version, version != defaults.last else { return }
        defaults.append(version)
        if defaults.count > depthMax { defaults.removeFirst() }
    }

    /// The newest ready version that is not set apart as canary or shadow.
    private var newestReady: ModelVersion? {
        let apart = [traffic.canary?.version, traffic.shadow?.version].compactMap { name in
            name.flatMap { resolve($0)?.version }
        }
        let ready = versions.reversed().compactMap { $0.served?.version }
        return ready.first { !apart.contains($0.version) } ?? ready.first
    }

    /// What a request without version and label gets, canaries aside.
    var defaultVersion: ModelVersion? {
        if let rollback, let version = served(rollback.version) { return version }
        if let named = traffic.defaultVersion {
            if let version = resolve(named) { return version }
            // Its version is not ready yet, or failed: what was the default stays.
            return defaults.last.flatMap { served($0) }
        }
        return newestReady
    }

    /// The version that a rollback goes to: the default before the present one that is still in the
    /// source, else the next older version.
    var rollbackTarget: String? {
        let present = defaultVersion?.version ?? defaults.last
        for version in defaults.reversed() where version != present {
            if let index = index(of: version), isAvailable(index) { return version }
        }
        guard let present else { return nil }
        return versions.indices.last {
            VersionName.isBefore(versions[$0].version, present) && isAvailable($0)
        }.map { versions[$0].version }
    }

    private func isAvailable(_ index: Int) -> Bool {
        versions[index].served != nil || versions[index].found != nil
    }

    /// As it stands in a snapshot.
    func registered(_ canarySeed: UInt64) -> RegisteredModel {
        let standard = defaultVersion
        var canary: CanaryRoute?
        if let wanted = traffic.canary, let version = resolve(wanted.version), let standard,
            version !== standard
        {
            canary = CanaryRoute(version: version, wanted, seed: canarySeed)
        }
        var shadow: ShadowRoute?
        if let wanted = traffic.shadow, let version = resolve(wanted.version) {
            shadow = ShadowRoute(version: version, share: wanted.share)
        }
        return RegisteredModel(
            name: name, configuration: configuration,
            versions: versions.map {
                RegisteredModel.Version(
                    version: $0.version, state: $0.state, lastFailure: $0.lastFailure,
                    digest: $0.served?.digest)
            },
            labels: labels, defaultVersion: standard, canary: canary, shadow: shadow,
            problem: configurationProblem)
    }
}
