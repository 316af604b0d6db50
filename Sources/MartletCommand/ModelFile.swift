import GraphRuntime
import Models
import Primitives
import Serving

/// Finds the file that a command's MODEL argument means.
enum ModelFile {
    /// A model file itself, a version's folder, or a model's folder, of which the highest version
    /// is taken. Ends the process with a clear line when there is none.
    static func find(_ path: String) -> String {
        switch FileSystem.kind(of: path) {
        case .file?, .socket?, .other?: return path
        case nil: Exit.failure("there is no file or folder '\(path)'")
        case .folder?: break
        }
        let folder = ModelsFolder(path: path, formats: ServeCommand.formats)
        if let direct = folder.modelFile() { return direct }
        let found: [FoundModel]
        do throws(SystemError) {
            found = try folder.scan()
        } catch {
            Exit.failure("cannot read the folder '\(path)': \(error.reason)")
        }
        if found.count > 1 {
            let names = found.map { "\(path)/\($0.name)" }.joined(separator: ", ")
            Exit.usage("'\(path)' holds several models; name one: \(names)")
        }
        guard let version = found.first?.versions.last else {
            Exit.failure(
                "no model in '\(path)'; expected <version>/model.onnx (or .ubj, .json, .txt) in it")
        }
        return version.path
    }

    /// Loads the model, or ends the process with the reason.
    static func load(_ path: String, passes: Set<Pass>) -> any Model {
        let file = find(path)
        let format = ModelsFolder(path: file, formats: ServeCommand.formats).format()
        do throws(ModelLoadError) {
            guard let format else {
                throw ModelLoadError(
                    path: file, reason: "it is no model that martlet knows by its content")
            }
            return try format.load(
                Artifact(name: "", version: "1", path: file), LoadContext(passes: passes))
        } catch {
            Exit.failure(error.description)
        }
    }
}
