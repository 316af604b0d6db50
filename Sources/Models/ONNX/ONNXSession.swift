import GraphRuntime
import Primitives

/// An ONNX file ready to be run on any values, sequences and optionals among them, one call after
/// the other: for `infer --batch-file` and tests. Serving uses `ONNXModel`.
public struct ONNXSession {
    private let compiled: CompiledGraph

    public init(path: String, limits: Limits = .standard) throws(ModelLoadError) {
        let graph = try ONNXReader.read(path: path, limits: limits)
        do throws(GraphError) {
            compiled = try CompiledGraph(graph, limits: limits)
        } catch {
            throw ModelLoadError(path: path, place: error.place, reason: error.reason)
        }
    }

    /// The names of the outputs, in their order.
    public var outputNames: [String] {
        compiled.graph.outputs.map { compiled.graph[$0].name }
    }

    /// The outputs for these inputs, in the order of the file.
    public func run(_ inputs: [RuntimeValue]) throws(PredictionError) -> [RuntimeValue] {
        do throws(GraphError) {
            return try compiled.evaluate(inputs)
        } catch {
            throw PredictionError(error.kind == .input ? .badInput : .failed, error.description)
        }
    }
}

extension TensorFile {
    /// Reads an ONNX `TensorProto`, whatever its type.
    public static func read(
        protobuf path: String, limits: Limits = .standard
    ) throws(Failure) -> Tensor {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try FileSystem.contents(of: path, byteCountMax: limits.modelBytesMax)
        } catch {
            throw Failure(path: path, reason: error.reason)
        }
        do throws(TensorFailure) {
            return try ONNXTensor.read(file: bytes, limits: limits)
        } catch {
            throw Failure(path: path, reason: error.reason)
        }
    }

    /// Writes an ONNX `TensorProto`.
    public static func write(_ tensor: Tensor, protobuf path: String) throws(SystemError) {
        let bytes = ONNXTensor.bytes(tensor)
        var buffer = ByteBuffer(capacity: bytes.count)
        buffer.append(bytes)
        try FileSystem.write(buffer, to: path)
    }
}
