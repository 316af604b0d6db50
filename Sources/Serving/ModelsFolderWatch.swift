import Primitives

/// Watches a models folder, its models' folders and their versions' folders (inotify).
final class ModelsFolderWatch: SourceWatch {
    /// What a watched folder is to the models.
    private enum Place: Equatable {
        /// Holds the one model file that is served.
        case file(String)
        case root
        case model(String)
        case version(of: String)
    }

    private let folder: ModelsFolder
    private let watch: FolderWatch
    /// A folder may be reached by several paths (symbolic links).
    private var places: [Int32: [Place]] = [:]

    init(_ folder: ModelsFolder) throws(SystemError) {
        self.folder = folder
        watch = try FolderWatch()
    }

    var descriptor: Int32 { watch.descriptor }

    func synchronize() -> Bool {
        var current: [Int32: [Place]] = [:]
        var count = 0
        var isComplete = true
        func add(_ path: String, _ place: Place) {
            guard count < folder.limits.watchesMax else {
                isComplete = false
                return
            }
            // A folder that went away meanwhile is told by its parent's watch.
            do throws(SystemError) {
                current[try watch.add(path), default: []].append(place)
                count += 1
            } catch {
                if FileSystem.kind(of: path) == .folder { isComplete = false }
            }
        }
        walk(add)
        for old in places.keys where current[old] == nil { watch.remove(old) }
        places = current
        return isComplete && !current.isEmpty
    }

    private func walk(_ add: (String, Place) -> Void) {
        let path = folder.path
        guard FileSystem.kind(of: path) != .file else {
            let name = path.split(separator: "/").last.map(String.init) ?? ""
            let parent = path.hasSuffix(name) ? String(path.dropLast(name.count)) : ""
            add(parent.isEmpty ? "." : parent, .file(name))
            return
        }
        add(path, .root)
        let names = (try? FileSystem.names(in: path)) ?? []
        for name in names where FileSystem.kind(of: "\(path)/\(name)") == .folder {
            if VersionName.isVersion(name) {
                // The folder of one model: its versions are here.
                add("\(path)/\(name)", .version(of: ModelsFolder.stem(path)))
            }
            guard ModelsFolder.isName(name) else { continue }
            add("\(path)/\(name)", .model(name))
            for entry in (try? FileSystem.names(in: "\(path)/\(name)")) ?? []
            where VersionName.isVersion(entry) {
                add("\(path)/\(name)/\(entry)", .version(of: name))
            }
        }
    }

    func take(_ body: (_ model: String?, _ isWhole: Bool) -> Void) -> Bool {
        var hasNewFolders = false
        let isComplete = watch.read { event in
            for place in places[event.watch] ?? [] {
                if event.kind == .written || event.kind == .arrived, holdsFolders(place) {
                    hasNewFolders = true
                }
                interpret(event, at: place, body)
            }
        }
        // What is written into a new folder puts off the look at it only if that is watched.
        if hasNewFolders { _ = synchronize() }
        return isComplete
    }

    private func holdsFolders(_ place: Place) -> Bool {
        switch place {
        case .root, .model: true
        case .file, .version: false
        }
    }

    private func interpret(
        _ event: FolderWatch.Event, at place: Place, _ body: (String?, Bool) -> Void
    ) {
        let isWhole = event.kind != .written
        switch place {
        case .file(let name):
            if event.name == name || event.name == "..data" { body(nil, isWhole) }
        case .root:
            // Kubernetes swaps a mounted volume's content by renaming this link.
            if event.kind == .ended || event.name == "..data" {
                body(nil, true)
            } else if event.name == "model.json" {
                body(nil, isWhole)
            } else if ModelsFolder.isName(event.name) {
                body(VersionName.isVersion(event.name) ? nil : event.name, isWhole)
            }
        case .model(let model):
            let isOurs =
                event.kind == .ended || event.name == "..data" || event.name == "model.json"
                || VersionName.isVersion(event.name)
            if isOurs { body(model, isWhole) }
        case .version(let model):
            if event.kind == .ended || event.name == "..data"
                || ModelsFolder.isContent(event.name)
            {
                // A file that comes by a rename is whole, but it may be one of several.
                let isModelFile = folder.formats.contains { $0.fileName == event.name }
                body(model, isWhole && (event.kind != .arrived || isModelFile))
            }
        }
    }
}
