import Models
import Primitives
import Serving
import Telemetry
import Testing

/// Sums what the mask says is true, and gives every value back doubled.
private struct Masked: Model {
    let signature = Signature(
        inputs: [TensorSpec("ids", .int32, [-1, -1, 2]), TensorSpec("mask", .float32, [-1, -1])],
        outputs: [TensorSpec("sum", .float32, [-1]), TensorSpec("twice", .int32, [-1, -1, 2])])

    init() {}
    init(artifact: Artifact, context: LoadContext) throws(ModelLoadError) {}

    func predict(
        _ batch: borrowing TensorBatch, into results: inout TensorBatch
    ) throws(PredictionError) {
        let length = batch.columns[0].rowShape[0]
        results.reshape(1, rowShape: [length, 2])
        let ids = batch.values(0, as: Int32.self)
        let mask = batch.values(1, as: Float.self)
        var sums = results.mutableFloat32(0)
        var twice = results.mutableValues(1, as: Int32.self)
        for row in 0..<batch.rowCount {
            sums[row] = 0
            for place in 0..<length {
                for channel in 0..<2 {
                    let index = (row * length + place) * 2 + channel
                    twice[index] = ids[index] * 2
                    sums[row] += Float(ids[index]) * mask[row * length + place]
                }
            }
        }
    }
}

private let rule = PaddingRule(
    inputs: ["ids"], dimension: 1, value: 7, mask: "mask", buckets: [4, 8])

@Test func paddedRequestsShareARunAndGetTheirOwnAnswers() throws {
    let metrics = ServerMetrics(routes: [], statuses: [], loopCount: 1, workerCount: 2)
    let version = ModelVersion(
        name: "masked", version: "1", index: 0, model: Masked(), configuration: .init(),
        metrics: metrics.addModel("masked", version: "1"))
    #expect(rule.problem(with: version.signature) == nil)
    let padding = PaddedRows(rule, version.signature)
    #expect(padding.signature.inputs.map(\.name) == ["ids"])
    let pool = try ComputePool(workerCount: 1, firstThread: 1)
    let batcher = LoopBatcher(
        thread: 0, pool: pool, home: try Mailbox(), inlineNanosecondsMax: 1e12)
    let lengths = [3, 4, 1, 0, 5, 8, 2]
    for (number, length) in lengths.enumerated() {
        let shapes = [[length, 2]]
        let column = TensorColumn(
            spec: padding.signature.inputs[0], rowShape: shapes[0], rowCapacity: 2)
        var values = column.mutableElements(from: 0, count: length * 4, as: Int32.self)
        for index in 0..<length * 4 { values[index] = Int32(number * 100 + index) }
        let found = try padding.length(of: shapes)
        #expect(found == length)
        let padded = padding.paddedShapes(shapes, length: length)
        let bucket = length <= 4 ? 4 : 8
        #expect(padded == [[bucket, 2], [bucket]])
        let batch = batcher.batch(for: version, rowShapes: padded)
        padding.write([column], rows: 2, length: length, into: batch)
        batch.commit(
            Ticket(
                connection: UInt64(number), sequence: 0, rowStart: batch.rowCount, rowCount: 2,
                parsedNanoseconds: 0, trueLength: length, notes: 0))
    }
    var answered = 0
    var runs = 0
    batcher.flush { batch in
        runs += 1
        for ticket in batch.tickets {
            let number = Int(ticket.connection)
            let length = lengths[number]
            let results = padding.cut(batch.outputs, ticket)
            #expect(results.columns[1].rowShape == [length, 2])
            let sums = results.float32(0)
            let twice = results.values(1, as: Int32.self)
            for row in 0..<2 {
                var sum: Float = 0
                for index in 0..<length * 2 {
                    let value = Int32(number * 100 + row * length * 2 + index)
                    #expect(twice[row * length * 2 + index] == value * 2)
                    sum += Float(value)
                }
                #expect(sums[row] == sum)
            }
            answered += 1
        }
    }
    #expect(answered == 7)
    // One run for each bucket and the order they came in: 4, 4, 4, 4 | 8, 8 | 4.
    #expect(runs == 3)
}

@Test func inputsOfOneRequestHaveOneLength() {
    let signature = Signature(
        inputs: [TensorSpec("a", .int64, [-1, -1]), TensorSpec("b", .int64, [-1, -1])],
        outputs: [TensorSpec("y", .float32, [-1])])
    let padding = PaddedRows(
        PaddingRule(inputs: ["a", "b"], dimension: 1, value: 0, mask: nil, buckets: [4]), signature)
    #expect(throws: PaddedRows.Problem.lengthsDiffer("a", "b")) {
        try padding.length(of: [[3], [4]])
    }
}

@Test func whatPaddingMakesOfARequestIsBounded() {
    let signature = Signature(
        inputs: [TensorSpec("a", .int64, [-1, -1])], outputs: [TensorSpec("y", .float32, [-1])])
    let padding = PaddedRows(
        PaddingRule(inputs: ["a"], dimension: 1, value: 0, mask: nil, buckets: [1 << 20]), signature
    )
    let shapes = padding.paddedShapes([[1]], length: 1)
    #expect(throws: PaddedRows.Problem.tooLarge) {
        try padding.check(
            rows: 100_000, paddedShapes: shapes, inputs: signature.inputs, limits: Limits())
    }
    #expect(throws: PaddedRows.Problem.tooLarge) {
        try padding.check(
            rows: .max / 2, paddedShapes: shapes, inputs: signature.inputs, limits: Limits())
    }
    #expect(throws: Never.self) {
        try padding.check(rows: 2, paddedShapes: shapes, inputs: signature.inputs, limits: Limits())
    }
}
