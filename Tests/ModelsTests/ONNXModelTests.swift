import GraphRuntime
import Models
import ONNXProto
import Primitives
import SwiftProtobuf
import Testing

/// Loads a model from its message.
func load(_ proto: Onnx_ModelProto) throws -> ONNXModel {
    let graph = try ONNXReader.read(try ONNXFixture.bytes(proto), path: "fixture.onnx")
    return try ONNXModel(graph, path: "fixture.onnx")
}

/// The error of loading, which must come.
func refusal(_ proto: Onnx_ModelProto) -> ModelLoadError? {
    do {
        _ = try load(proto)
        return nil
    } catch {
        return error as? ModelLoadError
    }
}

/// Columns for a model, with room for some rows.
func columns(_ model: ONNXModel, _ specs: [TensorSpec], rows: Int) -> [TensorColumn] {
    specs.map {
        TensorColumn(
            spec: $0, rowShape: model.signature.rowShape(of: $0).map { max($0, 1) },
            rowCapacity: rows)
    }
}

@Test func theSignatureIsReadOffTheGraphNotOffTheFile() throws {
    let signature = try load(ONNXFixture.network()).signature
    #expect(signature.inputs == [TensorSpec("x", .float32, [-1, 3])])
    #expect(signature.outputs == [TensorSpec("y", .float32, [-1, 2])])
    #expect(signature.batchDimension == .dynamic)
    var untold = ONNXFixture.network()
    untold.graph.output[0].clearType()
    #expect(try load(untold).signature == signature)
}

@Test func aFixedFirstDimensionIsAFixedBatch() throws {
    var proto = ONNXFixture.network()
    proto.graph.input = [ONNXFixture.value("x", [4, 3])]
    let signature = try load(proto).signature
    #expect(signature.batchDimension == .fixed(4))
    #expect(signature.outputs[0].shape == [4, 2])
}

@Test func aModelThatMixesItsRowsIsNeverGathered() throws {
    var proto = ONNXFixture.network()
    var axis = Onnx_AttributeProto()
    axis.name = "axis"
    axis.type = .int
    axis.i = 0
    proto.graph.node[2].attribute = [axis]
    #expect(try load(proto).signature.batchDimension == BatchDimension.none)
}

@Test func predictWritesTheRowsOfItsWindow() throws {
    let model = try load(ONNXFixture.network())
    let rows = 700  // More than one block.
    let inputs = columns(model, model.signature.inputs, rows: rows)
    let outputs = columns(model, model.signature.outputs, rows: rows)
    let batch = TensorBatch(columns: inputs, rowCount: rows)
    var values = batch.mutableFloat32(0)
    for index in values.indices { values[index] = Float(index % 17) / 4 - 2 }
    var results = TensorBatch(columns: outputs, rowCount: rows)
    try model.predict(batch, into: &results)
    let all = results.float32(0)
    let alone = columns(model, model.signature.outputs, rows: 1)
    for row in [0, 1, 255, 256, 257, 699] {
        var single = TensorBatch(columns: alone, rowCount: 1)
        try model.predict(batch.window(rowStart: row, rowCount: 1), into: &single)
        let one = single.float32(0)
        for column in 0..<2 {
            #expect(one[column].bitPattern == all[row * 2 + column].bitPattern)
        }
    }
}

@Test func stringLabelsReachTheirColumn() throws {
    let model = try load(ONNXFixture.tree())
    #expect(model.classLabels == ["no", "yes, definitely so"])
    let inputs = columns(model, model.signature.inputs, rows: 3)
    let outputs = columns(model, model.signature.outputs, rows: 3)
    let batch = TensorBatch(columns: inputs, rowCount: 3)
    var values = batch.mutableFloat32(0)
    for (index, value) in [0, 0.5, 0, 0, 0.75, 0, 0, -1, 0].enumerated() {
        values[index] = Float(value)
    }
    var results = TensorBatch(columns: outputs, rowCount: 3)
    try model.predict(batch, into: &results)
    #expect(Array(results.strings(0)) == ["no", "yes, definitely so", "no"])
    // A second batch reuses the column that was lent.
    var rest = TensorBatch(columns: outputs, rowCount: 2)
    try model.predict(batch.window(rowStart: 1, rowCount: 2), into: &rest)
    #expect(Array(rest.strings(0)) == ["yes, definitely so", "no"])
}

@Test func manyThreadsShareAModel() async throws {
    let model = try load(ONNXFixture.network())
    let expected = try model.run([
        Tensor(.float32, shape: [2, 3], [1, 2, 3, 4, 5, 6] as [Float])
    ])[0].array(as: UInt32.self)
    await withTaskGroup(of: Bool.self) { group in
        for _ in 0..<8 {
            group.addTask {
                (0..<200).allSatisfy { _ in
                    let input = Tensor(.float32, shape: [2, 3], [1, 2, 3, 4, 5, 6] as [Float])
                    return (try? model.run([input]))?[0].array(as: UInt32.self) == expected
                }
            }
        }
        for await isEqual in group { #expect(isEqual) }
    }
}

@Test func wrongInputsAreTheClientsMistake() throws {
    let model = try load(ONNXFixture.network())
    for tensor in [
        Tensor(.float32, shape: [2, 4], Array(repeating: Float(0), count: 8)),
        Tensor(.float32, shape: [3], [Float(0), 0, 0]),
        Tensor(.float64, shape: [1, 3], [0.0, 0, 0]),
    ] {
        let error = #expect(throws: PredictionError.self) { try model.run([tensor]) }
        #expect(error?.kind == .badInput)
    }
    #expect(throws: PredictionError.self) { try model.run([]) }
    #expect(try model.run([Tensor(dataType: .float32, shape: [0, 3])])[0].shape == [0, 2])
}
