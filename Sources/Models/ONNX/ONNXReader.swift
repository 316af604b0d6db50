import FoundationEssentials
import GraphRuntime
import ONNXProto
import Primitives
import SwiftProtobuf

/// Reads an ONNX file into a graph. A file is data: reading one runs no code, and one that is
/// truncated, contradictory or absurd gives an error that names the place.
public struct ONNXReader {
    private init() {}

    /// Reads the file at `path`.
    /// - Cost: twice the file's size in memory while it is read, once after that.
    public static func read(
        path: String, limits: Limits = .standard
    ) throws(ModelLoadError) -> Graph {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try FileSystem.contents(of: path, byteCountMax: limits.modelBytesMax)
        } catch {
            throw ModelLoadError(path: path, reason: error.reason)
        }
        return try read(bytes, path: path, limits: limits)
    }

    /// Reads a file that is in memory already; `path` is for messages, and its folder is where
    /// external data may lie.
    public static func read(
        _ bytes: [UInt8], path: String, limits: Limits = .standard
    ) throws(ModelLoadError) -> Graph {
        let skeleton = ONNXSkeleton(bytes)
        let proto: Onnx_ModelProto
        do {
            proto = try Onnx_ModelProto(serializedBytes: skeleton?.rest ?? bytes)
        } catch {
            throw ModelLoadError(
                path: path,
                reason: "it is no ONNX model, or only a part of one (protobuf: \(error))")
        }
        guard proto.hasGraph, !proto.opsetImport.isEmpty else {
            throw ModelLoadError(
                path: path, reason: "it is no ONNX model: it has no graph or imports no operators")
        }
        let file = ONNXFile(
            proto, path: path, limits: limits, bytes: bytes, blocks: skeleton?.blocks ?? [])
        var reader = ONNXGraphReader(file, versions: ONNXFile.versions(proto.opsetImport))
        try reader.read(proto.graph)
        return reader.graph
    }
}
