import ONNXProto
import Primitives

/// What all graphs of one ONNX file share: its functions, its limits, and how much of them is used.
final class ONNXFile {
    let path: String
    let limits: Limits
    private let functions: [String: Onnx_FunctionProto]
    private var nodeCount = 0
    /// The file itself, and where the values lie that were not parsed (`ONNXSkeleton`).
    private let bytes: [UInt8]
    private let blocks: [Range<Int>]

    init(
        _ proto: Onnx_ModelProto, path: String, limits: Limits, bytes: [UInt8] = [],
        blocks: [Range<Int>] = []
    ) {
        self.bytes = bytes
        self.blocks = blocks
        self.path = path
        self.limits = limits
        functions = Dictionary(
            proto.functions.map { (Self.key($0.domain, $0.name, $0.overload), $0) },
            uniquingKeysWith: { first, _ in first })
    }

    /// The domain with its usual short form.
    static func domain(_ name: String) -> String { name == "ai.onnx" ? "" : name }

    /// The versions of the operator sets a file or function imports.
    static func versions(_ imports: [Onnx_OperatorSetIdProto]) -> [String: Int] {
        Dictionary(
            imports.map { (domain($0.domain), Int($0.version)) }, uniquingKeysWith: { $1 })
    }

    private static func key(_ domain: String, _ name: String, _ overload: String) -> String {
        "\(self.domain(domain))\u{0}\(name)\u{0}\(overload)"
    }

    /// The file's own function that a node calls, if it is one.
    func function(for node: Onnx_NodeProto) -> Onnx_FunctionProto? {
        functions[Self.key(node.domain, node.opType, node.overload)]
    }

    /// Counts nodes as they are read: functions could multiply them without end.
    func countNodes(_ count: Int) throws(ModelLoadError) {
        nodeCount += count
        guard nodeCount <= limits.graphNodesMax else {
            throw failure(
                "its graphs have \(nodeCount) nodes with those of functions; at most "
                    + "\(limits.graphNodesMax) are taken")
        }
    }

    func failure(_ reason: String, at place: String = "") -> ModelLoadError {
        ModelLoadError(path: path, place: place, reason: reason)
    }

    /// The bytes of the file that are a tensor's values.
    private func block(of proto: Onnx_TensorProto) -> Range<Int>? {
        guard !proto.hasRawData, proto.docString.hasPrefix(ONNXSkeleton.blockPrefix),
            let index = Int(proto.docString.dropFirst(ONNXSkeleton.blockPrefix.count)),
            blocks.indices.contains(index)
        else { return nil }
        return blocks[index]
    }

    func tensor(_ proto: Onnx_TensorProto, at place: String) throws(ModelLoadError) -> Tensor {
        do throws(ONNXTensor.Failure) {
            if let block = block(of: proto) {
                let bytes = bytes
                return try ONNXTensor.read(
                    proto, values: bytes.span.extracting(block), limits: limits)
            }
            return try ONNXTensor.read(proto, limits: limits, modelPath: path)
        } catch {
            throw failure(error.reason, at: place)
        }
    }
}
