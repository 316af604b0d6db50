import GraphRuntime
import Models
import ONNXProto
import Primitives
import SwiftProtobuf
import Testing

private let count = 2_000

/// x + w, with w as raw bytes, long enough to be left where they lie in the file.
private func model(_ change: (inout Onnx_TensorProto) -> Void = { _ in }) throws -> [UInt8] {
    var weights = ONNXFixture.tensor("w", [Int64(count)], [])
    weights.floatData = []
    weights.docString = "what the file says about it"
    weights.rawData = .init((0..<count).flatMap { bytes(Float($0)) })
    change(&weights)
    return try ONNXFixture.bytes(
        ONNXFixture.model(
            [ONNXFixture.node("Add", ["x", "w"], ["y"])],
            inputs: [ONNXFixture.value("x", [nil, Int64(count)])],
            outputs: [ONNXFixture.value("y", [nil, Int64(count)])], initializers: [weights]))
}

private func bytes(_ value: Float) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
}

private func answer(_ file: [UInt8]) throws -> [Float] {
    let graph = try ONNXReader.read(file, path: "model")
    let x = Tensor(.float32, shape: [1, count], Array(repeating: Float(1), count: count))
    return try ONNXModel(graph, path: "model").run([x])[0].array(as: Float.self)
}

/// One field of a message, by hand.
private func field(_ number: UInt8, _ value: [UInt8]) -> [UInt8] {
    var length: [UInt8] = []
    var rest = value.count
    while rest >= 128 {
        length.append(UInt8(rest & 127 | 128))
        rest >>= 7
    }
    return [number << 3 | 2] + length + [UInt8(rest)] + value
}

@Test func largeRawValuesAreReadFromTheFile() throws {
    #expect(try answer(model()) == (0..<count).map { Float($0) + 1 })
}

@Test func rawValuesOfTheWrongLengthAreRefusedByName() throws {
    let file = try model { $0.rawData.removeLast(4) }
    let error = #expect(throws: ModelLoadError.self) { try answer(file) }
    #expect(error?.description.contains("initializer 'w'") == true)
    #expect(error?.description.contains("7996 bytes") == true)
}

@Test func aTensorThatSaysItIsABlockWithoutValuesIsRefused() throws {
    for index in ["0", "-1", "99999999999999999999", "7"] {
        let file = try model {
            $0.clearRawData()
            $0.docString = "\u{0}block \(index)"
        }
        #expect(throws: ModelLoadError.self) { try answer(file) }
    }
}

/// The last of several values of a field counts, as protobuf says.
@Test func theLastOfSeveralRawValuesCounts() throws {
    let zeros = Array(repeating: UInt8(0), count: 4 * count)
    let one = (0..<count).flatMap { _ in bytes(1) }
    // TensorProto: dims (1), data_type (2), name (8), raw_data (9) twice.
    let tensor =
        [1 << 3, 0xD0, 0x0F, 2 << 3, 1] + field(8, [UInt8(ascii: "w")]) + field(9, zeros)
        + field(9, one)
    var proto = try Onnx_ModelProto(serializedBytes: model())
    proto.graph.initializer = []
    proto.clearGraph()
    let rest = try Onnx_ModelProto(serializedBytes: model()).graph
    var graph = rest
    graph.initializer = []
    let file: [UInt8] =
        try proto.serializedBytes() + field(7, graph.serializedBytes() + field(5, tensor))
    #expect(try answer(file) == Array(repeating: 2, count: count))
}

@Test func everyTruncationIsRefusedAndNoneCrashes() throws {
    let file = try model()
    for end in stride(from: 0, to: file.count - 1, by: 61) {
        let graph = try? ONNXReader.read(Array(file[..<end]), path: "model")
        #expect(graph == nil || end > 8_000)
    }
}
