import Models
import Primitives
import Serving

/// A ready model version with what a loop needs to parse for it and answer for it.
final class ServedVersion {
    let version: ModelVersion
    let presentation: Presentation
    /// The row shapes of the inputs when the model fixes them.
    let staticRowShapes: [[Int]]?
    /// How its rows are padded, if they are.
    let padding: PaddedRows?

    init(_ version: ModelVersion) {
        self.version = version
        presentation = Presentation(
            model: version.name, version: version.version, signature: version.signature,
            labels: version.configuration.labels, classLabels: version.model.classLabels,
            outputs: version.configuration.outputs)
        staticRowShapes =
            version.hasStaticRows
            ? version.signature.inputs.map { version.signature.rowShape(of: $0) } : nil
        padding = version.configuration.batching.padding.map { PaddedRows($0, version.signature) }
    }
}

/// One loop's view of the registry: a snapshot, and what was made from it so far.
final class Catalog {
    private(set) var snapshot: RegistrySnapshot
    /// By `ModelVersion.index`, for models that have a shadow.
    private var shadows: [ShadowRoute?] = []
    /// By `ModelVersion.index`.
    private var versions: [ServedVersion?] = []

    init(_ snapshot: RegistrySnapshot) {
        self.snapshot = snapshot
        findShadows()
    }

    /// Takes a new snapshot. What was made for versions that are still served stays.
    func refresh(_ snapshot: RegistrySnapshot) {
        self.snapshot = snapshot
        findShadows()
        forgetRetired()
    }

    private func findShadows() {
        shadows.removeAll(keepingCapacity: true)
        for model in snapshot.models {
            guard let shadow = model.shadow else { continue }
            for version in model.versions {
                guard let ready = version.state.ready else { continue }
                while shadows.count <= ready.index { shadows.append(nil) }
                shadows[ready.index] = shadow
            }
        }
    }

    /// Where copies of a version's requests go.
    func shadow(of version: ModelVersion) -> ShadowRoute? {
        version.index < shadows.count && !version.isRetired ? shadows[version.index] : nil
    }

    /// Lets go of versions that no request gets any more.
    func forgetRetired() {
        for index in versions.indices {
            if let served = versions[index], served.version.isRetired { versions[index] = nil }
        }
    }

    func served(_ version: ModelVersion) -> ServedVersion {
        while versions.count <= version.index { versions.append(nil) }
        if let served = versions[version.index], served.version === version { return served }
        let served = ServedVersion(version)
        // One that left is answered for and not kept, so that it can be freed.
        if !version.isRetired { versions[version.index] = served }
        return served
    }
}
