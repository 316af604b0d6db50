import Primitives

/// The repository's own files, for the tests that hold its rules.
enum SourceTree {
    struct File {
        /// From the repository's root.
        let path: String
        let text: String

        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
        var name: String { path.split(separator: "/").last.map(String.init) ?? path }
        /// `Primitives` for `Sources/Primitives/…`.
        var module: String {
            let parts = path.split(separator: "/")
            return parts.count > 1 ? String(parts[1]) : ""
        }
    }

    static let root: String = {
        let parts = #filePath.split(separator: "/").dropLast(3)
        return "/" + parts.joined(separator: "/")
    }()

    /// Files below a folder whose names end in `suffix`. Hidden and built folders and the symbolic link
    /// of the second kernel build are left out.
    static func files(in folder: String, suffix: String) throws -> [File] {
        var result: [File] = []
        for name in try FileSystem.names(in: "\(root)/\(folder)") where !name.hasPrefix(".") {
            let path = folder.isEmpty ? name : "\(folder)/\(name)"
            switch FileSystem.kind(of: "\(root)/\(path)") {
            case .folder where !["KernelsV3", "KernelsVNNI", "node_modules"].contains(name):
                result += try files(in: path, suffix: suffix)
            case .file where name.hasSuffix(suffix):
                let bytes = try FileSystem.contents(of: "\(root)/\(path)", byteCountMax: 8 << 20)
                result.append(File(path: path, text: String(decoding: bytes, as: UTF8.self)))
            case .folder, .file, .socket, .other, nil: continue
            }
        }
        return result
    }

    /// The lines of `Tests/exempt.txt` under a heading `[name]`.
    static func exempt(_ heading: String) throws -> Set<String> {
        let bytes = try FileSystem.contents(of: "\(root)/Tests/exempt.txt", byteCountMax: 1 << 20)
        var isInside = false
        var result: Set<String> = []
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            if line.hasPrefix("[") {
                isInside = line == "[\(heading)]"
            } else if isInside, !line.hasPrefix("#"), let path = line.split(separator: " ").first {
                result.insert(String(path))
            }
        }
        return result
    }
}
