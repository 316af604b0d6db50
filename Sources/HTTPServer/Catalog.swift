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
            labels: version.configuration.labels, classLabels: version.model.classLabels)
        staticRowShapes =
            version.hasStaticRows
            ? version.signature.inputs.map { version.signature.rowShape(of: $0) } : nil
        padding = version.configuration.batching.padding.map { PaddedRows($0, version.signature) }
    }
}

/// One loop's view of the registry: a snapshot, and what was made from it so far.
final class Catalog {
    let snapshot: RegistrySnapshot
    /// By `ModelVersion.index`.
    private var versions: [ServedVersion?] = []

    init(_ snapshot: RegistrySnapshot) { self.snapshot = snapshot }

    func served(_ version: ModelVersion) -> ServedVersion {
        while versions.count <= version.index { versions.append(nil) }
        if let served = versions[version.index] { return served }
        let served = ServedVersion(version)
        versions[version.index] = served
        return served
    }
}
