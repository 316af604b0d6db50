import FoundationEssentials
import ONNXProto
import Primitives
import SwiftProtobuf

/// Turns an ONNX `TensorProto` into a tensor. Trusts no length: the values must be exactly as many
/// as the shape says, and the shape must be within the limits.
enum ONNXTensor {
    /// Why a tensor was refused; whoever knows the file adds the place.
    struct Failure: Error {
        let reason: String

        init(_ reason: String) { self.reason = reason }
    }

    /// - Parameter modelPath: the file of the model, in whose folder external data may lie; nil
    ///   where a tensor may have none.
    static func read(
        _ proto: Onnx_TensorProto, limits: Limits, modelPath: String? = nil
    ) throws(Failure) -> Tensor {
        guard !proto.hasSegment else { throw Failure("segments of tensors are not supported") }
        let (shape, count) = try self.shape(proto.dims, limits)
        guard let dataType = dataType(proto.dataType) else {
            throw Failure("its element type \(proto.dataType) is not supported")
        }
        if dataType == .string {
            try check(proto.stringData.count, count)
            let strings = proto.stringData.map { String(decoding: $0, as: UTF8.self) }
            return Tensor(shape: shape, strings: strings)
        }
        if proto.dataLocation == .external {
            return try external(proto, dataType, shape, count, limits, modelPath)
        }
        if proto.hasRawData {
            return try raw(proto.rawData.span, dataType, shape, count)
        }
        return try typed(proto, dataType, shape, count)
    }

    /// The tensor whose values are these little-endian bytes.
    static func read(
        _ proto: Onnx_TensorProto, values: Span<UInt8>, limits: Limits
    ) throws(Failure) -> Tensor {
        guard !proto.hasSegment else { throw Failure("segments of tensors are not supported") }
        let (shape, count) = try self.shape(proto.dims, limits)
        guard let dataType = dataType(proto.dataType), dataType != .string,
            proto.dataLocation != .external
        else { throw Failure("raw bytes are no values of its type \(proto.dataType)") }
        return try raw(values, dataType, shape, count)
    }

    /// The element type of a code in the standard.
    static func dataType(_ code: Int32) -> DataType? {
        switch Onnx_TensorProto.DataType(rawValue: Int(code)) {
        case .float: .float32
        case .double: .float64
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
        default: nil
        }
    }

    private static func shape(
        _ dims: [Int64], _ limits: Limits
    ) throws(Failure) -> ([Int], Int) {
        var count = 1
        for size in dims {
            guard size >= 0 else { throw Failure("its shape \(dims) has a negative size") }
            let (product, overflow) = count.multipliedReportingOverflow(by: max(Int(size), 1))
            guard !overflow, product <= limits.tensorElementsMax else {
                throw Failure("its shape \(dims) is larger than a tensor may be")
            }
            count = product
        }
        return (dims.map { Int($0) }, dims.contains(0) ? 0 : count)
    }

    private static func check(_ found: Int, _ wanted: Int) throws(Failure) {
        guard found == wanted else {
            throw Failure("it holds \(found) values, its shape says \(wanted)")
        }
    }

    /// Little-endian bytes.
    private static func raw(
        _ data: Span<UInt8>, _ dataType: DataType, _ shape: [Int], _ count: Int
    ) throws(Failure) -> Tensor {
        guard data.count == count * dataType.byteCount else {
            throw Failure(
                "it holds \(data.count) bytes, its shape \(shape) of \(dataType.name) says "
                    + "\(count * dataType.byteCount)")
        }
        let memory = AlignedMemory(byteCount: data.count)
        memory.write(data, to: 0)
        let tensor = Tensor(dataType: dataType, shape: shape, memory: memory)
        if dataType == .bool { normalizeBooleans(tensor) }
        return tensor
    }

    /// Any byte but 0 is true.
    static func normalizeBooleans(_ tensor: Tensor) {
        var values = tensor.mutableSpan(as: UInt8.self)
        for index in values.indices where values[index] > 1 { values[index] = 1 }
    }

    /// The lists of numbers a file without raw bytes has. Small types share `int32_data`.
    private static func typed(
        _ proto: Onnx_TensorProto, _ dataType: DataType, _ shape: [Int], _ count: Int
    ) throws(Failure) -> Tensor {
        switch dataType {
        case .float32:
            try check(proto.floatData.count, count)
            return Tensor(dataType, shape: shape, proto.floatData)
        case .float64:
            try check(proto.doubleData.count, count)
            return Tensor(dataType, shape: shape, proto.doubleData)
        case .int64:
            try check(proto.int64Data.count, count)
            return Tensor(dataType, shape: shape, proto.int64Data)
        case .uint64:
            try check(proto.uint64Data.count, count)
            return Tensor(dataType, shape: shape, proto.uint64Data)
        case .uint32:
            try check(proto.uint64Data.count, count)
            let values = proto.uint64Data.map { UInt32(truncatingIfNeeded: $0) }
            return Tensor(dataType, shape: shape, values)
        case .int32:
            try check(proto.int32Data.count, count)
            return Tensor(dataType, shape: shape, proto.int32Data)
        case .int16, .uint16, .float16, .bfloat16:
            try check(proto.int32Data.count, count)
            let values = proto.int32Data.map { UInt16(truncatingIfNeeded: $0) }
            return Tensor(dataType, shape: shape, values)
        case .int8, .uint8:
            try check(proto.int32Data.count, count)
            let values = proto.int32Data.map { UInt8(truncatingIfNeeded: $0) }
            return Tensor(dataType, shape: shape, values)
        case .bool:
            try check(proto.int32Data.count, count)
            return Tensor(dataType, shape: shape, proto.int32Data.map { UInt8($0 == 0 ? 0 : 1) })
        case .string:
            throw Failure("strings are no numbers")
        }
    }
}

extension ONNXTensor {
    /// Reads a file with one TensorProto.
    static func read(file bytes: [UInt8], limits: Limits) throws(TensorFailure) -> Tensor {
        let proto: Onnx_TensorProto
        do {
            proto = try Onnx_TensorProto(serializedBytes: bytes)
        } catch {
            throw TensorFailure("it is no ONNX TensorProto, or only a part of one (\(error))")
        }
        do throws(Failure) {
            return try read(proto, limits: limits)
        } catch {
            throw TensorFailure(error.reason)
        }
    }
}
