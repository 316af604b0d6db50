import Primitives

/// Changing what lies in the folder. Everything is made under a hidden name and comes, or goes, by one
/// rename; what is left of a process that was killed in between is recognised by its name.
extension ModelsFolder {
    static let uploadPrefix = ".upload-"
    private static let removedPrefix = ".removed-"

    /// A folder beside the models: on the file system that the version will be on.
    public func makeUploadFolder() throws(SystemError) -> String {
        guard FileSystem.kind(of: path) == .folder else {
            throw SystemError(call: "upload to \(path)", SystemError.notAFolder)
        }
        let folder = "\(path)/\(Self.uploadPrefix)\(Self.unique())"
        try FileSystem.createFolder(folder)
        return folder
    }

    public func install(
        _ folder: String, as version: String, of model: String
    ) throws(SystemError) {
        let home = "\(path)/\(model)"
        let target = "\(home)/\(version)"
        try FileSystem.synchronize(folder: folder)
        if FileSystem.kind(of: home) == nil {
            try FileSystem.createFolder(home)
            try FileSystem.synchronize(folder: path)
        }
        guard FileSystem.kind(of: target) == nil else {
            throw SystemError(call: "install \(target)", SystemError.exists)
        }
        try FileSystem.rename(folder, to: target)
        try FileSystem.synchronize(folder: home)
    }

    public func discard(_ folder: String) { try? FileSystem.removeTree(folder) }

    public func remove(_ version: FoundVersion, of model: String) throws(SystemError) {
        guard FileSystem.kind(of: path) == .folder, FileSystem.kind(of: "\(path)/\(model)") != nil
        else {
            throw SystemError(call: "remove from \(path)", SystemError.notAFolder)
        }
        let target = "\(path)/\(Self.removedPrefix)\(Self.unique())"
        try FileSystem.rename("\(path)/\(model)/\(version.version)", to: target)
        try FileSystem.synchronize(folder: "\(path)/\(model)")
        try FileSystem.removeTree(target)
    }

    public func clean() -> Int {
        guard let names = try? FileSystem.names(in: path) else { return 0 }
        var count = 0
        for name in names {
            let folder = "\(path)/\(name)"
            if name.hasPrefix(Self.uploadPrefix) {
                // Another process may be at it: its file is locked then.
                let files = (try? FileSystem.names(in: folder)) ?? []
                guard files.allSatisfy({ FileWriter.isAbandoned("\(folder)/\($0)") }) else {
                    continue
                }
            } else if !name.hasPrefix(Self.removedPrefix) {
                continue
            }
            if (try? FileSystem.removeTree(folder)) != nil { count += 1 }
        }
        return count
    }

    public func digest(
        ofVersion version: String, model: String, fileName: String
    ) -> SHA256.Digest? {
        let path = "\(path)/\(model)/\(version)/\(fileName)"
        guard let stamp = FileStamp(path: path) else { return nil }
        let found = FoundVersion(version: version, path: path, format: "", stamps: [stamp])
        return try? digest(of: found)
    }

    private static func unique() -> String {
        String(UInt64.random(in: 0 ... .max), radix: 16)
    }
}
