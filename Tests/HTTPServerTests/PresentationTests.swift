import HTTPServer
import Models
import Primitives
import Testing

private func bytes(_ span: Span<UInt8>) -> [UInt8] { span.indices.map { span[$0] } }

private func column<T: BitwiseCopyable>(_ spec: TensorSpec, _ rowShape: [Int], _ values: [T])
    -> TensorColumn
{
    let elements = rowShape.reduce(1, *)
    let column = TensorColumn(
        spec: spec, rowShape: rowShape, rowCapacity: values.count / max(elements, 1))
    var span = column.mutableElements(from: 0, count: values.count, as: T.self)
    for index in values.indices { span[index] = values[index] }
    return column
}

private func strings(_ spec: TensorSpec, _ rowShape: [Int], _ values: [String]) -> TensorColumn {
    let column = TensorColumn(
        spec: spec, rowShape: rowShape, rowCapacity: values.count / rowShape.reduce(1, *))
    column.strings = values
    return column
}

private func answer(
    _ columns: [TensorColumn], rows: Int, start: Int = 0, _ format: PayloadFormat = .json,
    output: Int? = nil,
    labels: [String] = [], classLabels: [String] = [], batch: BatchDimension? = nil
) -> [UInt8] {
    let signature = Signature(
        inputs: [TensorSpec("X", .float32, [-1, 4])], outputs: columns.map(\.spec),
        batchDimension: batch)
    let presentation = Presentation(
        model: "iris", version: "1", signature: signature, labels: labels, classLabels: classLabels)
    var buffer = ByteBuffer()
    let batch = TensorBatch(columns: columns, rowStart: start, rowCount: rows)
    presentation.encode(results: batch, format: format, output: output, into: &buffer)
    return bytes(buffer.span)
}

private func predictions(_ bytes: [UInt8]) -> String {
    let text = String(decoding: bytes, as: UTF8.self)
    let prefix = #"{"model":"iris","version":"1","predictions":"#
    #expect(text.hasPrefix(prefix) && text.hasSuffix("}"))
    #expect(throws: Never.self) { _ = try JSONValue(parsing: text) }
    return String(text.dropFirst(prefix.count).dropLast())
}

private let scores = TensorSpec("probabilities", .float32, [-1, 3])
private let label = TensorSpec("label", .int64, [-1])
private let names = ["setosa", "versicolor", "virginica"]

@Test func oneOutputGivesItsRows() {
    let values: [Float] = [0.5, 1, -2, 1e-7, 0.1, 3e10]
    #expect(
        predictions(answer([column(scores, [3], values)], rows: 2))
            == "[[0.5,1.0,-2.0],[1e-7,0.1,30000000000.0]]")
    #expect(
        predictions(answer([column(scores, [3], values)], rows: 1, start: 1))
            == "[[1e-7,0.1,30000000000.0]]")
    let plain = TensorSpec("y", .float64, [-1])
    #expect(
        predictions(answer([column(plain, [], [1.5, .nan, -.infinity])], rows: 3))
            == "[1.5,null,null]")
    let single = TensorSpec("y", .int8, [-1, 1])
    #expect(predictions(answer([column(single, [1], [5, -5] as [Int8])], rows: 2)) == "[[5],[-5]]")
    let cube = TensorSpec("y", .uint64, [-1, 2, 2])
    #expect(
        predictions(answer([column(cube, [2, 2], [1, 2, 3, .max] as [UInt64])], rows: 1))
            == "[[[1,2],[3,18446744073709551615]]]")
    let flags = TensorSpec("y", .bool, [-1, 2])
    #expect(
        predictions(answer([column(flags, [2], [1, 0] as [UInt8])], rows: 1)) == "[[true,false]]")
    let text = TensorSpec("y", .string, [-1, 1, 2])
    #expect(
        predictions(answer([strings(text, [1, 2], ["a\"", "é"])], rows: 1)) == #"[[["a\"","é"]]]"#)
    let half = TensorSpec("y", .float16, [-1])
    #expect(
        predictions(answer([column(half, [], [0.5, 65504] as [Float16])], rows: 2))
            == "[0.5,65504.0]")
    let brain = TensorSpec("y", .bfloat16, [-1])
    #expect(
        predictions(answer([column(brain, [], [0x3F80, 0x7F80] as [UInt16])], rows: 2))
            == "[1.0,null]")
    let empty = TensorSpec("y", .float32, [-1, 0])
    #expect(
        predictions(answer([TensorColumn(spec: empty, rowShape: [0], rowCapacity: 2)], rows: 2))
            == "[[],[]]")
    let nested = TensorSpec("y", .float32, [-1, 2, 0])
    #expect(
        predictions(
            answer([TensorColumn(spec: nested, rowShape: [2, 0], rowCapacity: 1)], rows: 1))
            == "[[[],[]]]")
}

@Test func classifiersGiveLabelsAndProbabilities() {
    let p: [Float] = [0.75, 0.25, 0, 0.125, 0.25, 0.625]
    let expected =
        #"[{"label":"setosa","probabilities":[0.75,0.25,0.0]},{"label":"virginica","probabilities":[0.125,0.25,0.625]}]"#
    // A label and scores, in either order; and scores alone.
    let labels = column(label, [], [0, 2] as [Int64])
    #expect(
        predictions(answer([labels, column(scores, [3], p)], rows: 2, labels: names)) == expected)
    #expect(
        predictions(answer([column(scores, [3], p), labels], rows: 2, labels: names)) == expected)
    #expect(predictions(answer([column(scores, [3], p)], rows: 2, labels: names)) == expected)
    #expect(predictions(answer([column(scores, [3], p)], rows: 2, classLabels: names)) == expected)
    let wide = column(TensorSpec("label", .int64, [-1, 1]), [1], [0, 2] as [Int64])
    #expect(
        predictions(answer([wide, column(scores, [3], p)], rows: 2, labels: names)) == expected)
    // The model's own labels are strings.
    let own = strings(TensorSpec("label", .string, [-1]), [], ["setosa", "virginica"])
    #expect(predictions(answer([own, column(scores, [3], p)], rows: 2)) == expected)
    // Integers without names for them; and classes that are not 0, 1, 2.
    #expect(
        predictions(
            answer(
                [column(label, [], [7, -1] as [Int64]), column(scores, [3], p)], rows: 2,
                labels: names))
            == #"[{"label":7,"probabilities":[0.75,0.25,0.0]},{"label":-1,"probabilities":[0.125,0.25,0.625]}]"#
    )
    #expect(
        predictions(
            answer(
                [column(label, [], [10, 30] as [Int64]), column(scores, [3], p)], rows: 2,
                labels: names,
                classLabels: ["10", "20", "30"])) == expected)
    #expect(
        predictions(
            answer([column(label, [], [10, 30] as [Int64]), column(scores, [3], p)], rows: 2))
            == #"[{"label":10,"probabilities":[0.75,0.25,0.0]},{"label":30,"probabilities":[0.125,0.25,0.625]}]"#
    )
}

@Test func integerLabelsThatTheModelListsStayNumbers() {
    let p: [Float] = [0, 1, 0, 1, 0, 0]
    let columns = [column(label, [], [10, 30] as [Int64]), column(scores, [3], p)]
    #expect(
        predictions(answer(columns, rows: 2, classLabels: ["10", "20", "30"]))
            == #"[{"label":10,"probabilities":[0.0,1.0,0.0]},{"label":30,"probabilities":[1.0,0.0,0.0]}]"#
    )
}

@Test func otherModelsGiveTheirOutputsByName() {
    let a = column(TensorSpec("a", .float32, [-1]), [], [1, 2] as [Float])
    let b = column(TensorSpec("b\"", .int32, [-1, 2]), [2], [1, 2, 3, 4] as [Int32])
    #expect(
        predictions(answer([a, b], rows: 2)) == #"[{"a":1.0,"b\"":[1,2]},{"a":2.0,"b\"":[3,4]}]"#)
    #expect(predictions(answer([a, b], rows: 2, output: 1)) == "[[1,2],[3,4]]")
}

@Test func commaSeparatedAnswersHaveAHeader() {
    func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
    let p: [Float] = [0.75, 0.25, 0, .nan, .infinity, -.infinity]
    #expect(
        text(answer([column(scores, [3], p)], rows: 2, .csv))
            == "probabilities_0,probabilities_1,probabilities_2\r\n0.75,0.25,0.0\r\nnan,inf,-inf\r\n"
    )
    #expect(
        text(
            answer(
                [column(label, [], [2] as [Int64]), column(scores, [3], p)], rows: 1, .csv,
                labels: ["a,b", "c\"", "d"]))
            == "label,\"a,b\",\"c\"\"\",d\r\nd,0.75,0.25,0.0\r\n")
    let a = column(TensorSpec("a", .bool, [-1]), [], [1] as [UInt8])
    let b = strings(TensorSpec("b", .string, [-1, 1]), [1], ["x\ny"])
    #expect(text(answer([a, b], rows: 1, .csv)) == "a,b\r\ntrue,\"x\ny\"\r\n")
}

@Test func numPyAnswersAreReadBack() throws {
    let p: [Float] = [0.75, 0.25, 0, .nan, .infinity, -0.0]
    let columns = [column(label, [], [1, 2] as [Int64]), column(scores, [3], p)]
    // The scores of a classifier, unless another output is asked for.
    let body = answer(columns, rows: 2, .npy)
    let header = try NPYHeader(body.span)
    #expect(header.shape == [2, 3])
    let back = try decode(body, .npy, one(.float32, [-1, 3]))
    #expect(back.values().map(\.bitPattern) == p.map(\.bitPattern))
    let chosen = answer(columns, rows: 1, start: 1, .npy, output: 0)
    #expect(try decode(chosen, .npy, one(.int64, [-1])).values(as: Int64.self) == [2])
    let text = answer(
        [strings(TensorSpec("y", .string, [-1, 2]), [2], ["a", "Zürich", "", "😀"])], rows: 2, .npy)
    #expect(try NPYHeader(text.span).element.descriptor == "<U6")
    #expect(try decode(text, .npy, one(.string, [-1, 2])).strings() == ["a", "Zürich", "", "😀"])
    let brain = answer(
        [column(TensorSpec("y", .bfloat16, [-1]), [], [0x3F80] as [UInt16])], rows: 1, .npy)
    #expect(try decode(brain, .npy, one(.float32, [-1])).values() == [1])
    let whole = column(TensorSpec("y", .float32, [2, 2]), [2, 2], [1, 2, 3, 4] as [Float])
    #expect(
        try NPYHeader(answer([whole], rows: 1, .npy, batch: BatchDimension.none).span).shape == [
            2, 2,
        ])
}

@Test func everyFloatSurvivesTheRoundTrip() throws {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<300 {
        let values = (0..<30).map { _ in
            let value = Float(bitPattern: UInt32.random(in: 0...UInt32.max, using: &random))
            return value.isFinite ? value : 0.3
        }
        let body = answer([column(scores, [3], values)], rows: 10)
        let rows = predictions(body)
        #expect(
            try decode(rows, .json, one(.float32, [-1, 3])).values().map(\.bitPattern)
                == values.map(\.bitPattern))
        let lines = answer([column(scores, [3], values)], rows: 10, .csv)
        #expect(
            try decode(lines, .csv, one(.float32, [-1, 3])).values().map(\.bitPattern)
                == values.map(\.bitPattern))
    }
}
