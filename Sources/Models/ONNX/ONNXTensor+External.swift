import ONNXProto
import Primitives

// Values in a file of their own (ONNX "External Data"). A path in a model file is a stranger's: only
// plain files inside of the model's own folder are read, through no link.
extension ONNXTensor {
    static func external(
        _ proto: Onnx_TensorProto, _ dataType: DataType, _ shape: [Int], _ count: Int,
        _ limits: Limits, _ modelPath: String?
    ) throws(Failure) -> Tensor {
        guard let modelPath else {
            throw Failure("its values are in another file, which is not supported here")
        }
        var entries: [String: String] = [:]
        for entry in proto.externalData { entries[entry.key] = entry.value }
        guard let location = entries["location"] else {
            throw Failure("its values are in another file, but it does not say in which")
        }
        let offset = try number(entries["offset"], "offset") ?? 0
        let expected = count * dataType.byteCount
        if let length = try number(entries["length"], "length"), length != expected {
            throw Failure("its \(length) bytes in '\(location)' should be \(expected)")
        }
        let path = try resolve(location, modelPath)
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try FileSystem.contents(
                of: path, offset: offset, byteCount: expected, byteCountMax: limits.modelBytesMax)
        } catch {
            throw Failure(
                "its \(expected) bytes from \(offset) on in '\(location)' cannot be read: "
                    + error.reason)
        }
        let memory = AlignedMemory(byteCount: expected)
        memory.write(bytes.span, to: 0)
        let tensor = Tensor(dataType: dataType, shape: shape, memory: memory)
        if dataType == .bool { normalizeBooleans(tensor) }
        return tensor
    }

    private static func number(_ text: String?, _ name: String) throws(Failure) -> Int? {
        guard let text else { return nil }
        guard let value = Int(text), value >= 0 else {
            throw Failure("the \(name) of its values, '\(text)', is no size")
        }
        return value
    }

    /// The path of a file inside the model's folder.
    private static func resolve(_ location: String, _ modelPath: String) throws(Failure) -> String {
        let parts = location.split(separator: "/", omittingEmptySubsequences: false)
        guard !location.hasPrefix("/"), !location.contains("\u{0}"), !location.contains("\\"),
            !parts.contains(where: { $0 == ".." || $0.isEmpty })
        else {
            throw Failure(
                "its values are in '\(location)'; only files inside the model's folder are read")
        }
        var path =
            modelPath.contains("/") ? String(modelPath[..<modelPath.lastIndex(of: "/")!]) : "."
        for part in parts where part != "." {
            path += "/" + part
            if FileSystem.isLink(path) {
                throw Failure(
                    "its values are in '\(location)', behind a link, which is not followed")
            }
        }
        return path
    }
}
