import Models
import Primitives

/// A model version as it lies in the models folder, not yet loaded.
public struct FoundVersion: Sendable, Equatable {
    public let version: String
    /// The model's file.
    public let path: String
    public let format: String
}

/// A model as it lies in the models folder.
public struct FoundModel: Sendable, Equatable {
    public let name: String
    /// `model.json`, when there is one.
    public let configurationPath: String?
    /// In ascending order of their numbers.
    public let versions: [FoundVersion]
}

/// Looks through `models/<name>/<version>/<model file>` and `models/<name>/model.json`. Which file of
/// a version is the model, and of which format, its name or else its content says.
///
/// Also takes one model's folder, or one model file, so that `martlet serve model.onnx` works.
public struct ModelsFolder: Sendable {
    public let path: String
    let formats: [ModelFormat]

    public init(path: String, formats: [ModelFormat]) {
        self.path = path
        self.formats = formats
    }

    /// Names are letters, digits, `.`, `_` and `-`: they stand in URLs and metric labels.
    public static func isName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 128 && !name.hasPrefix(".")
            && name.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
                default: false
                }
            }
    }

    /// Everything that looks like a model; folders without a known model file are left out.
    public func scan() throws(SystemError) -> [FoundModel] {
        guard let kind = FileSystem.kind(of: path) else {
            // The open names what is wrong: missing, or not allowed to look.
            _ = try FileSystem.names(in: path)
            return []
        }
        if kind == .file { return singleFile() }
        let names = try FileSystem.names(in: path)
        if let model = try model(name: Self.stem(path), at: path, entries: names) { return [model] }
        var models: [FoundModel] = []
        for name in names where Self.isName(name) {
            let folder = "\(path)/\(name)"
            guard FileSystem.kind(of: folder) == .folder else { continue }
            let entries = try FileSystem.names(in: folder)
            if let model = try model(name: name, at: folder, entries: entries) {
                models.append(model)
            }
        }
        return models
    }

    /// The model file in a folder that is a version's; nil when there is none.
    public func modelFile() -> String? {
        guard let files = try? FileSystem.names(in: path) else { return nil }
        return modelFile(in: path, files)?.path
    }

    /// The format of a model file; nil when it is of none.
    public func format() -> ModelFormat? {
        recognise(path) ?? formats.first { path.hasSuffix(Self.suffix($0.fileName)) }
    }

    private func singleFile() -> [FoundModel] {
        guard let format = format() else { return [] }
        let version = FoundVersion(version: "1", path: path, format: format.name)
        let name = Self.stem(path)
        guard Self.isName(name) else { return [] }
        return [FoundModel(name: name, configurationPath: nil, versions: [version])]
    }

    private func model(
        name: String, at folder: String, entries: [String]
    ) throws(SystemError) -> FoundModel? {
        var versions: [(number: UInt64, found: FoundVersion)] = []
        for entry in entries {
            guard let number = UInt64(entry), String(number) == entry,
                FileSystem.kind(of: "\(folder)/\(entry)") == .folder
            else { continue }
            let files = try FileSystem.names(in: "\(folder)/\(entry)")
            guard let found = modelFile(in: "\(folder)/\(entry)", files) else { continue }
            versions.append(
                (number, FoundVersion(version: entry, path: found.path, format: found.format)))
        }
        guard !versions.isEmpty, Self.isName(name) else { return nil }
        versions.sort { $0.number < $1.number }
        return FoundModel(
            name: name,
            configurationPath: entries.contains("model.json") ? "\(folder)/model.json" : nil,
            versions: versions.map(\.found))
    }

    /// The model among a version's files: one with a format's name, else the first whose content a
    /// format knows.
    private func modelFile(
        in folder: String, _ files: [String]
    ) -> (path: String, format: String)? {
        if let format = formats.first(where: { files.contains($0.fileName) }) {
            return ("\(folder)/\(format.fileName)", format.name)
        }
        for file in files.prefix(Limits.standard.versionFilesMax) where !file.hasPrefix(".") {
            let path = "\(folder)/\(file)"
            if let format = recognise(path) { return (path, format.name) }
        }
        return nil
    }

    /// The format that knows a file by its first bytes.
    private func recognise(_ path: String) -> ModelFormat? {
        guard FileSystem.kind(of: path) == .file,
            let head = try? FileSystem.head(of: path, byteCount: ModelFileKind.headBytes)
        else { return nil }
        let kind = ModelFileKind(head: head[...])
        return formats.first { $0.recognises(kind) }
    }

    private static func suffix(_ fileName: String) -> String {
        guard let dot = fileName.lastIndex(of: ".") else { return fileName }
        return String(fileName[dot...])
    }

    /// The last part of a path without its extension; `models` for `.`, `/` and the like.
    private static func stem(_ path: String) -> String {
        let last = path.split(separator: "/").last.map(String.init) ?? ""
        guard let dot = last.lastIndex(of: "."), dot != last.startIndex else {
            return last.isEmpty || last == "." ? "models" : last
        }
        return String(last[..<dot])
    }
}
