import Models
import Primitives

/// Models at `<folder>/<name>/<version>/<model file>` and `<folder>/<name>/model.json`.
/// Which file of a version is the model, and of which format, its name or else its content says.
///
/// Also takes one model's folder, or one model file, so that `martlet serve model.onnx` works.
public struct ModelsFolder: ModelSource {
    public let path: String
    let formats: [ModelFormat]
    let limits: Limits

    public init(path: String, formats: [ModelFormat], limits: Limits = .standard) {
        self.path = path
        self.formats = formats
        self.limits = limits
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
        if isModelFolder(names) {
            let model = model(name: Self.stem(path), at: path)
            return model.map { [$0] } ?? []
        }
        var models: [FoundModel] = []
        for name in names where Self.isName(name) && models.count < limits.modelsMax {
            let folder = "\(path)/\(name)"
            guard FileSystem.kind(of: folder) == .folder else { continue }
            if let model = model(name: name, at: folder) { models.append(model) }
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

    /// Whether `path` itself is one model's folder: it has a version with a model file.
    private func isModelFolder(_ names: [String]) -> Bool {
        Self.isName(Self.stem(path))
            && names.contains { entry in
                guard VersionName.isVersion(entry),
                    FileSystem.kind(of: "\(path)/\(entry)") == .folder,
                    let files = try? FileSystem.names(in: "\(path)/\(entry)")
                else { return false }
                return modelFile(in: "\(path)/\(entry)", files) != nil
            }
    }

    private func singleFile() -> [FoundModel] {
        guard let format = format(), let stamp = FileStamp(path: path)
        else { return [] }
        let version = FoundVersion(
            version: "1", path: path, format: format.name, stamps: [stamp])
        let name = Self.stem(path)
        guard Self.isName(name) else { return [] }
        return [FoundModel(name: name, versions: [version])]
    }

    private func model(name: String, at folder: String) -> FoundModel? {
        var versions: [FoundVersion] = []
        let configurationPath = "\(folder)/model.json"
        do throws(SystemError) {
            let entries = try FileSystem.names(in: folder)
            let numbers = entries.filter { VersionName.isVersion($0) }
            for entry in VersionName.sorted(numbers).suffix(limits.modelVersionsMax) {
                if let version = try version(entry, at: "\(folder)/\(entry)") {
                    versions.append(version)
                }
            }
        } catch {
            return FoundModel(name: name, problem: error.description)
        }
        guard !versions.isEmpty else { return nil }
        let stamp = FileStamp(path: configurationPath)
        return FoundModel(
            name: name, configurationPath: stamp == nil ? nil : configurationPath,
            configurationStamp: stamp, versions: versions)
    }

    /// The model among a version's files: one with a format's name, else the first whose content a
    /// format knows.
    private func modelFile(
        in folder: String, _ files: [String]
    ) -> (path: String, format: String)? {
        if let format = formats.first(where: { files.contains($0.fileName) }) {
            return ("\(folder)/\(format.fileName)", format.name)
        }
        for file in files.prefix(limits.versionFilesMax) where Self.isContent(file) {
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

    private func version(_ number: String, at folder: String) throws(SystemError) -> FoundVersion? {
        guard FileSystem.kind(of: folder) == .folder else { return nil }
        let files = try FileSystem.names(in: folder)
        guard let found = modelFile(in: folder, files) else { return nil }
        let stamps = stamps(of: files, in: folder)
        return FoundVersion(
            version: number, path: found.path, format: found.format, stamps: stamps)
    }

    private func stamps(of files: [String], in folder: String) -> [FileStamp] {
        files.prefix(limits.artifactFilesMax).filter(Self.isContent)
            .compactMap { FileStamp(path: "\(folder)/\($0)") }
    }

    public func stamps(of version: FoundVersion) -> [FileStamp] {
        guard FileSystem.kind(of: path) != .file else {
            return FileStamp(path: version.path).map { [$0] } ?? []
        }
        let folder = Self.parent(version.path)
        return stamps(of: (try? FileSystem.names(in: folder)) ?? [], in: folder)
    }

    /// Whether a file in a version's folder is part of the model; hidden and temporary ones are not.
    static func isContent(_ name: String) -> Bool {
        !name.hasPrefix(".") && !name.hasSuffix(".tmp") && !name.hasSuffix("~")
    }

    /// Of one file: that file's. Of several: that of lines `digest  name`, as sha256sum writes them, in
    /// the order of the names.
    public func digest(of version: FoundVersion) throws(SystemError) -> SHA256.Digest {
        let main = version.path.split(separator: "/").last.map(String.init) ?? ""
        let folder = Self.parent(version.path) + "/"
        var names = [main]
        if FileSystem.kind(of: path) != .file {
            names = try FileSystem.names(in: folder).prefix(limits.artifactFilesMax).filter {
                Self.isContent($0) && FileSystem.kind(of: folder + $0) == .file
            }
        }
        var lines = ""
        for name in names {
            let digest = try FileSystem.digest(
                of: folder + name, byteCountMax: limits.modelBytesMax)
            if names.count == 1 { return digest }
            lines += "\(digest)  \(name)\n"
        }
        return SHA256.digest(Array(lines.utf8).span)
    }

    public func makeWatch() -> (any SourceWatch)? { try? ModelsFolderWatch(self) }

    /// A path up to its last slash.
    private static func parent(_ path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }

    static func suffix(_ fileName: String) -> String {
        guard let dot = fileName.lastIndex(of: ".") else { return fileName }
        return String(fileName[dot...])
    }

    /// The last part of a path without its extension; `models` for `.`, `/` and the like.
    static func stem(_ path: String) -> String {
        let last = path.split(separator: "/").last.map(String.init) ?? ""
        guard let dot = last.lastIndex(of: "."), dot != last.startIndex else {
            return last.isEmpty || last == "." ? "models" : last
        }
        return String(last[..<dot])
    }
}
