import Primitives

/// A file that holds one tensor: `.npy`, `.json`, `.csv` or an ONNX TensorProto (`.pb`).
public enum TensorFile {
    /// Why a file was refused. The description is a whole sentence with the path.
    public struct Failure: Error, Sendable, CustomStringConvertible {
        public let path: String
        public let reason: String
        public var description: String { "\(path): \(reason)" }
    }

    /// Reads a file as the values of an input. Text formats take their type from `spec`; a NumPy
    /// or ONNX file of another numeric type is converted where that loses nothing but the last
    /// bits of floats.
    public static func read(
        _ path: String, for spec: TensorSpec, limits: Limits = .standard
    ) throws(Failure) -> Tensor {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try FileSystem.contents(of: path, byteCountMax: limits.modelBytesMax)
        } catch {
            throw Failure(path: path, reason: error.reason)
        }
        do throws(TensorFailure) {
            let tensor = try decode(bytes, path, spec, limits)
            return try TensorConversion.convert(tensor, to: spec.dataType)
        } catch {
            throw Failure(path: path, reason: error.reason)
        }
    }

    private static func decode(
        _ bytes: [UInt8], _ path: String, _ spec: TensorSpec, _ limits: Limits
    ) throws(TensorFailure) -> Tensor {
        let suffix = path.split(separator: ".").last.map { $0.lowercased() } ?? ""
        switch suffix {
        case "npy":
            do throws(NPYError) {
                return try NPYReader.read(bytes.span)
            } catch {
                throw TensorFailure(error.message)
            }
        case "pb": return try ONNXTensor.read(file: bytes, limits: limits)
        case "json": return try JSONTensor.read(bytes.span, spec)
        case "csv": return try CSVTensor.read(bytes, spec)
        default:
            throw TensorFailure(
                "files of this kind are not known; use .npy, .json, .csv or .pb (ONNX TensorProto)")
        }
    }
}

/// Why values are no tensor for an input.
struct TensorFailure: Error {
    let reason: String

    init(_ reason: String) { self.reason = reason }
}
