import Primitives

/// What operators said of a model, in a hidden file in the model's folder: it goes where the model goes.
extension ModelsFolder {
    private static let stateName = ".state.json"

    public func state(of model: String) throws(SystemError) -> [UInt8]? {
        guard let home = home(of: model), FileSystem.kind(of: "\(home)/\(Self.stateName)") == .file
        else { return nil }
        return try FileSystem.contents(
            of: "\(home)/\(Self.stateName)", byteCountMax: limits.configurationBytesMax)
    }

    public func keep(_ state: [UInt8]?, of model: String) throws(SystemError) {
        guard FileSystem.kind(of: path) != .file else {
            throw SystemError(call: "write beside \(path)", SystemError.notAFolder)
        }
        // A model whose folder was removed has nothing to be kept.
        guard let home = home(of: model) else { return }
        let place = "\(home)/\(Self.stateName)"
        guard let state else {
            try FileSystem.removeTree(place)
            return
        }
        let temporary = "\(place).tmp"
        // Left by a process that was killed at this.
        try FileSystem.removeTree(temporary)
        try Self.write(state.span, to: temporary)
        try FileSystem.rename(temporary, to: place)
        try FileSystem.synchronize(folder: home)
    }

    private static func write(_ bytes: Span<UInt8>, to path: String) throws(SystemError) {
        var file = try FileWriter(path: path)
        try file.append(bytes)
        try file.synchronize()
    }

    /// A model's folder; nil when there is none.
    private func home(of model: String) -> String? {
        if FileSystem.kind(of: "\(path)/\(model)") == .folder { return "\(path)/\(model)" }
        let isOwn = FileSystem.kind(of: path) == .folder && Self.stem(path) == model
        return isOwn ? path : nil
    }
}
