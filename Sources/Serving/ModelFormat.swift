import Models
import Primitives

/// A kind of model: how its artifact is recognised in a version's folder, and how it is loaded.
public struct ModelFormat: Sendable {
    public let name: String
    /// The file inside the version's folder that this format loads.
    public let fileName: String
    /// How much memory loading takes at its peak, in bytes for each byte of the version's files.
    public let peakPerFileByte: Int
    /// Whether this format loads files with such content, whatever their name.
    let recognises: @Sendable (ModelFileKind) -> Bool
    /// Loads an artifact of this format.
    public let load: @Sendable (Artifact, LoadContext) throws(ModelLoadError) -> any Model

    /// A format whose models are of one Swift type. A file is taken by its name, or by its content
    /// where no file of the folder has a format's name. `peakPerFileByte` decides what a
    /// container's memory limit lets in: measure it (VmHWM of /proc/PID/status).
    public init<M: Model>(
        name: String, fileName: String, peakPerFileByte: Int = 1, _ type: M.Type,
        recognises: @escaping @Sendable (ModelFileKind) -> Bool = { _ in false }
    ) {
        self.name = name
        self.fileName = fileName
        self.peakPerFileByte = peakPerFileByte
        self.recognises = recognises
        load = { (artifact, context) throws(ModelLoadError) in
            try M(artifact: artifact, context: context)
        }
    }
}

/// A Swift type that is served under a name without any file.
public struct CompiledModel: Sendable {
    public let name: String
    public let configuration: ModelConfiguration
    let load: @Sendable (Artifact, LoadContext) throws(ModelLoadError) -> any Model

    public init<M: Model>(
        _ type: M.Type, name: String, configuration: ModelConfiguration = ModelConfiguration()
    ) {
        self.name = name
        self.configuration = configuration
        load = { (artifact, context) throws(ModelLoadError) in
            try M(artifact: artifact, context: context)
        }
    }
}
