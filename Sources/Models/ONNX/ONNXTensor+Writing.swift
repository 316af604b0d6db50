import FoundationEssentials
import ONNXProto
import Primitives
import SwiftProtobuf

extension ONNXTensor {
    /// A tensor as the bytes of an ONNX `TensorProto`.
    static func bytes(_ tensor: Tensor) -> [UInt8] {
        var proto = Onnx_TensorProto()
        proto.dims = tensor.shape.map { Int64($0) }
        proto.dataType = code(tensor.dataType)
        if let memory = tensor.memory {
            let values = memory.span(
                as: UInt8.self, byteOffset: 0,
                count: tensor.elementCount * tensor.dataType.byteCount, owner: memory)
            var data: [UInt8] = []
            data.reserveCapacity(values.count)
            for index in values.indices { data.append(values[index]) }
            proto.rawData = Data(data)
        } else {
            proto.stringData = tensor.strings.map { Data($0.utf8) }
        }
        do {
            return try proto.serializedBytes()
        } catch {
            preconditionFailure("a message without required fields can always be written: \(error)")
        }
    }

    /// The code of an element type in the standard.
    static func code(_ type: DataType) -> Int32 {
        let proto: Onnx_TensorProto.DataType =
            switch type {
            case .float32: .float
            case .float64: .double
            case .float16: .float16
            case .bfloat16: .bfloat16
            case .int8: .int8
            case .int16: .int16
            case .int32: .int32
            case .int64: .int64
            case .uint8: .uint8
            case .uint16: .uint16
            case .uint32: .uint32
            case .uint64: .uint64
            case .bool: .bool
            case .string: .string
            }
        return Int32(proto.rawValue)
    }
}
