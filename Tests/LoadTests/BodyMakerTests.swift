import Load
import Primitives
import Testing

private func model(_ type: DataType, _ shape: [Int]) -> ModelMetadata {
    ModelMetadata(
        name: "m", inputs: [ModelMetadata.Input(name: "x", dataType: type, rowShape: shape)])
}

private func parse(_ body: [UInt8]) throws -> [JSONValue] {
    try #require(JSONValue(parsing: body.span)["instances"]?.elements)
}

@Test func randomRowsHaveTheShapeOfTheInput() throws {
    var maker = BodyMaker(model(.float32, [2, -1]), rows: 3, seed: 1)
    for body in try maker.make(5, .json, .random) {
        let rows = try parse(body)
        #expect(rows.count == 3)
        for row in rows {
            #expect(row.elements?.count == 2)
            #expect(row.elements?.allSatisfy { $0.elements?.count == 8 } == true)
        }
    }
}

@Test func aModelOfSeveralInputsGetsAnObjectARow() throws {
    let inputs = [
        ModelMetadata.Input(name: "age", dataType: .int64, rowShape: []),
        ModelMetadata.Input(name: "city", dataType: .string, rowShape: [1]),
        ModelMetadata.Input(name: "member", dataType: .bool, rowShape: []),
    ]
    var maker = BodyMaker(ModelMetadata(name: "m", inputs: inputs), rows: 1, seed: 1)
    let row = try parse(try maker.make(1, .json, .random)[0])[0]
    #expect(row["age"]?.integer != nil && row["member"]?.boolean != nil)
    #expect(row["city"]?.elements?.first?.text != nil)
    for format in [BodyFormat.csv, .npy] {
        #expect(throws: MetadataError.self) { try maker.make(1, format, .random) }
    }
}

@Test func bodiesDifferFromEachOtherAndASeedRepeatsThem() throws {
    func make(_ seed: UInt64) throws -> [[UInt8]] {
        var maker = BodyMaker(model(.float64, [4]), rows: 1, seed: seed)
        return try maker.make(64, .json, .random)
    }
    let first = try make(3)
    #expect(Set(first).count == 64)
    #expect(try make(3) == first)
    #expect(try make(4) != first)
}

@Test func aSampleIsRepeatedForMoreRows() throws {
    let sample = [JSONValue.integer(1), .integer(2)]
    let withSample = ModelMetadata(name: "m", inputs: model(.int8, []).inputs, sample: sample)
    var maker = BodyMaker(withSample, rows: 3, seed: 1)
    let bodies = try maker.make(64, .json, .sample)
    #expect(bodies.count == 1)
    #expect(try parse(bodies[0]) == [.integer(1), .integer(2), .integer(1)])
    #expect(throws: MetadataError.self) { try maker.make(1, .npy, .sample) }
    var without = BodyMaker(model(.int8, []), rows: 1, seed: 1)
    #expect(throws: MetadataError.self) { try without.make(1, .json, .sample) }
}

@Test(arguments: DataType.allCases.filter { $0 != .string && $0 != .bfloat16 })
func aNumPyBodyHasItsHeaderAndAllItsValues(type: DataType) throws {
    var maker = BodyMaker(model(type, [3, 2]), rows: 5, seed: 1)
    let body = try maker.make(1, .npy, .random)[0]
    #expect(Array(body.prefix(8)) == [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0])
    let start = 10 + Int(body[8]) + Int(body[9]) << 8
    #expect(start % 64 == 0 && body[start - 1] == 0x0A)
    #expect(body.count == start + 5 * 6 * type.byteCount)
    let header = String(decoding: body[10..<start], as: UTF8.self)
    #expect(header.contains("'shape': (5, 3, 2)") || header.contains("'shape': (5, 3, 2,)"))
}

@Test func aCSVBodyHasALineARow() throws {
    var maker = BodyMaker(model(.float32, [3]), rows: 4, seed: 1)
    let text = String(decoding: try maker.make(1, .csv, .random)[0], as: UTF8.self)
    let lines = text.split(separator: "\n")
    #expect(lines.count == 4)
    for line in lines {
        #expect(line.split(separator: ",").compactMap { Double($0) }.count == 3)
    }
}

@Test func bodiesStayUnderTheirLimits() throws {
    var limits = Limits()
    limits.loadBodiesBytesMax = 1_000
    var maker = BodyMaker(model(.float32, [40]), rows: 1, seed: 1, limits: limits)
    let bodies = try maker.make(1_000, .json, .random)
    #expect(!bodies.isEmpty && bodies.count < 1_000)
    #expect(bodies.reduce(0) { $0 + $1.count } <= 1_000)
    var huge = BodyMaker(model(.float32, [1 << 40, 1 << 40]), rows: 1, seed: 1)
    #expect(throws: MetadataError.self) { try huge.make(1, .json, .random) }
}
