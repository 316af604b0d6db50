import HTTPServer
import Models
import Primitives
import Testing

/// A decoded request: its columns and its rows.
struct Decoded {
    var columns: [TensorColumn]
    var rows: Int

    func values<T: BitwiseCopyable>(_ input: Int = 0, as type: T.Type = Float.self) -> [T] {
        let column = columns[input]
        let span = column.elements(from: 0, count: rows * column.elementsPerRow, as: type)
        return span.indices.map { span[$0] }
    }

    func strings(_ input: Int = 0) -> [String] {
        Array(columns[input].strings[..<(rows * columns[input].elementsPerRow)])
    }
}

func decode(
    _ body: [UInt8], _ format: PayloadFormat, _ signature: Signature, limits: Limits = .standard
) throws(DecodeRefusal) -> Decoded {
    let decoder = PredictDecoder()
    let shapes = try decoder.rowShapes(of: body.span, format: format, signature: signature)
    let columns = zip(signature.inputs, shapes).map {
        TensorColumn(spec: $0, rowShape: $1, rowCapacity: 1)
    }
    let rows = try decoder.decode(
        body.span, format: format, signature: signature, columns: columns, firstRow: 0,
        limits: limits)
    return Decoded(columns: columns, rows: rows)
}

func decode(
    _ body: String, _ format: PayloadFormat = .json, _ signature: Signature,
    limits: Limits = .standard
) throws(DecodeRefusal) -> Decoded {
    try decode(Array(body.utf8), format, signature, limits: limits)
}

func refusal(
    _ body: String, _ format: PayloadFormat = .json, _ signature: Signature,
    limits: Limits = .standard
) -> String {
    do throws(DecodeRefusal) {
        let decoded = try decode(body, format, signature, limits: limits)
        return "accepted \(decoded.rows) rows"
    } catch {
        return "\(error.code.rawValue): \(error.message)"
    }
}

let iris = Signature(
    inputs: [TensorSpec("X", .float32, [-1, 4])], outputs: [TensorSpec("Y", .float32, [-1, 3])])

let people = Signature(
    inputs: [
        TensorSpec("age", .int64, [-1]), TensorSpec("city", .string, [-1, 1]),
        TensorSpec("scores", .float64, [-1, 2]),
    ],
    outputs: [TensorSpec("Y", .float32, [-1])])

func one(_ type: DataType, _ shape: [Int], batch: BatchDimension? = nil) -> Signature {
    Signature(
        inputs: [TensorSpec("X", type, shape)], outputs: [TensorSpec("Y", .float32, shape)],
        batchDimension: batch)
}

@Test(arguments: [
    #"{"instances": [[5.1,3.5,1.4,0.2],[6,3e0,4.5,-1.5]]}"#,
    #"{"inputs": {"X": [[5.1,3.5,1.4,0.2],[6,3e0,4.5,-1.5]]}}"#,
    #"{"inputs": [[5.1,3.5,1.4,0.2],[6,3e0,4.5,-1.5]]}"#,
    #"[[5.1,3.5,1.4,0.2],[6,3e0,4.5,-1.5]]"#,
    #"{"instances": [{"X": [5.1,3.5,1.4,0.2]},{"X": [6,3e0,4.5,-1.5]}]}"#,
    #"[{"X": [5.1,3.5,1.4,0.2]},{"X": [6,3e0,4.5,-1.5]}]"#,
    #" {"id": "a", "parameters": {"x": [{}]}, "inst\u0061nces":[[5.1,3.5,1.4,0.2],[6,3e0,4.5,-1.5]], "z": null} "#,
])
func everyFormOfJSONGivesTheSameRows(_ body: String) throws {
    let decoded = try decode(body, .json, iris)
    #expect(decoded.rows == 2)
    #expect(decoded.values() == [5.1, 3.5, 1.4, 0.2, 6, 3, 4.5, -1.5])
}

@Test func rowsAreAppendedBehindThoseOfOthers() throws {
    let decoder = PredictDecoder()
    let column = TensorColumn(spec: iris.inputs[0], rowShape: [4], rowCapacity: 1)
    var row = 0
    for first in 0..<40 {
        let body = Array("[[\(first),1,2,3],[\(first),4,5,6]]".utf8)
        row += try decoder.decode(
            body.span, format: .json, signature: iris, columns: [column], firstRow: row,
            limits: .standard)
    }
    #expect(row == 80)
    let values = column.elements(from: 0, count: 320, as: Float.self)
    for first in 0..<40 {
        #expect(values[first * 8] == Float(first))
        #expect(values[first * 8 + 7] == 6)
    }
}

@Test(arguments: [
    #"{"instances": [{"age": 41, "city": "Rome", "scores": [1, 2]}, {"scores": [3, 4], "age": -7, "city": ["Zürich"]}]}"#,
    #"{"inputs": {"city": ["Rome", ["Z\u00fcrich"]], "age": [41, -7], "scores": [[1, 2], [3, 4]]}}"#,
    #"[{"age": 41.0, "city": "Rome", "scores": [1, 2]}, {"city": "Zürich", "scores": [3, 4], "age": -7}]"#,
])
func modelsWithSeveralInputsTakeNamedValues(_ body: String) throws {
    let decoded = try decode(body, .json, people)
    #expect(decoded.rows == 2)
    #expect(decoded.values(0, as: Int64.self) == [41, -7])
    #expect(decoded.strings(1) == ["Rome", "Zürich"])
    #expect(decoded.values(2, as: Double.self) == [1, 2, 3, 4])
}

@Test func everyTypeIsRead() throws {
    let numbers = #"{"instances": [0, 1, 100]}"#
    #expect(try decode(numbers, .json, one(.float32, [-1])).values(as: Float.self) == [0, 1, 100])
    #expect(try decode(numbers, .json, one(.float64, [-1])).values(as: Double.self) == [0, 1, 100])
    #expect(
        try decode(numbers, .json, one(.float16, [-1])).values(as: Float16.self) == [0, 1, 100])
    #expect(
        try decode(numbers, .json, one(.bfloat16, [-1])).values(as: UInt16.self) == [
            0, 0x3F80, 0x42C8,
        ])
    #expect(try decode(numbers, .json, one(.int8, [-1])).values(as: Int8.self) == [0, 1, 100])
    #expect(try decode(numbers, .json, one(.int16, [-1])).values(as: Int16.self) == [0, 1, 100])
    #expect(try decode(numbers, .json, one(.int32, [-1])).values(as: Int32.self) == [0, 1, 100])
    #expect(try decode(numbers, .json, one(.int64, [-1])).values(as: Int64.self) == [0, 1, 100])
    #expect(try decode(numbers, .json, one(.uint8, [-1])).values(as: UInt8.self) == [0, 1, 100])
    #expect(try decode(numbers, .json, one(.uint16, [-1])).values(as: UInt16.self) == [0, 1, 100])
    #expect(try decode(numbers, .json, one(.uint32, [-1])).values(as: UInt32.self) == [0, 1, 100])
    #expect(try decode(numbers, .json, one(.uint64, [-1])).values(as: UInt64.self) == [0, 1, 100])
    #expect(try decode("[true, false]", .json, one(.bool, [-1])).values(as: UInt8.self) == [1, 0])
    #expect(try decode(#"["a", ""]"#, .json, one(.string, [-1])).strings() == ["a", ""])
    let large = "[18446744073709551615]"
    #expect(try decode(large, .json, one(.uint64, [-1])).values(as: UInt64.self) == [.max])
    // Halves round to even, as the hardware does.
    #expect(
        try decode("[2049, 2051]", .json, one(.float16, [-1])).values(as: Float16.self) == [
            2048, 2052,
        ])
    #expect(
        try decode("[1.00390625, 1.01171875]", .json, one(.bfloat16, [-1])).values(as: UInt16.self)
            == [0x3F80, 0x3F82])
}

@Test func rowsOfSeveralDimensionsAreNested() throws {
    let decoded = try decode(
        "[[[1,2,3],[4,5,6]],[[7,8,9],[10,11,12]]]", .json, one(.float32, [-1, 2, 3]))
    #expect(decoded.rows == 2)
    #expect(decoded.values() == (1...12).map(Float.init))
    // A row of one element may be written without brackets, or with all of them.
    #expect(try decode("[5, [[6]]]", .json, one(.float32, [-1, 1, 1])).values() == [5, 6])
    // Rows of no elements are rows.
    #expect(try decode("[[], []]", .json, one(.float32, [-1, 0])).rows == 2)
    #expect(try decode("[[[],[]]]", .json, one(.float32, [-1, 2, 0])).rows == 1)
}

@Test func modelsWithoutABatchTakeWholeTensors() throws {
    let whole = one(.float32, [2, 2], batch: BatchDimension.none)
    for body in [
        "[[1,2],[3,4]]", #"{"inputs": [[1,2],[3,4]]}"#, #"{"inputs": {"X": [[1,2],[3,4]]}}"#,
        #"{"instances": [[[1,2],[3,4]]]}"#, #"{"instances": [{"X": [[1,2],[3,4]]}]}"#,
    ] {
        let decoded = try decode(body, .json, whole)
        #expect(decoded.rows == 1)
        #expect(decoded.values() == [1, 2, 3, 4])
    }
    #expect(
        refusal(#"{"instances": [[[1,2],[3,4]],[[1,2],[3,4]]]}"#, .json, whole)
            == "invalid_shape: instances[1] is one too many: the model takes whole tensors, one a request"
    )
}

@Test func dynamicRowsTakeTheShapeOfTheFirst() throws {
    let text = Signature(
        inputs: [TensorSpec("ids", .int64, [-1, -1]), TensorSpec("mask", .bool, [-1, -1])],
        outputs: [TensorSpec("Y", .float32, [-1, 8])])
    let rows =
        #"{"instances": [{"ids": [1,2,3], "mask": [true,true,false]}, {"ids": [4,5,6], "mask": [true,false,false]}]}"#
    let columns =
        #"{"inputs": {"mask": [[true,true,false],[true,false,false]], "ids": [[1,2,3],[4,5,6]]}}"#
    for body in [rows, columns] {
        let decoded = try decode(body, .json, text)
        #expect(decoded.columns.map(\.rowShape) == [[3], [3]])
        #expect(decoded.values(0, as: Int64.self) == [1, 2, 3, 4, 5, 6])
        #expect(decoded.values(1, as: UInt8.self) == [1, 1, 0, 1, 0, 0])
    }
    #expect(
        refusal(
            #"{"instances": [{"ids": [1,2,3], "mask": [true,true,false]}, {"ids": [4,5]}]}"#, .json,
            text)
            == "invalid_shape: instances[1].ids has 2 numbers, input 'ids' takes 3")
    let image = one(.float32, [-1, -1, -1, 2])
    #expect(try decode("[[[[1,2]],[[3,4]]]]", .json, image).columns[0].rowShape == [2, 1, 2])
    #expect(try decode("[5]", .json, one(.float32, [-1, -1])).columns[0].rowShape == [1])
    #expect(
        refusal("[[1,2]]", .json, image)
            == "invalid_shape: the first row of input 'X' has 1 dimensions, the model takes 3")
    #expect(
        refusal("[[[[1,2],[3,NaN]]]]", .json, image)
            == "invalid_json: body[0][0][1]: byte 12: expected a value (the only words are true, false and null)"
    )
    #expect(
        refusal(#"{"inputs": {"ids": [[1]], "mask": [[true], [01]]}}"#, .json, text)
            == "invalid_json: inputs.mask[1]: byte 44: malformed number")
    let ragged =
        "[[[" + String(repeating: "1,", count: 500) + "1]" + String(repeating: ",[]", count: 500)
        + "]]"
    #expect(
        refusal(ragged, .json, one(.float32, [-1, -1, -1]))
            == "invalid_shape: the first row of input 'X' is not as large as it is wide: its arrays differ in length"
    )
    #expect(try decode("1,2,3\n4,5,6\n", .csv, one(.float32, [-1, -1])).columns[0].rowShape == [3])
}

@Test(arguments: [
    ("", "invalid_json: the body is not closed: byte 0: the text ends inside a value"),
    ("5", "invalid_json: the body is a number, not an object with 'instances' or 'inputs'"),
    (#""x""#, "invalid_json: the body is a string, not an object with 'instances' or 'inputs'"),
    ("{}", "missing_input: the body has neither 'instances' nor 'inputs'"),
    (#"{"data": [[1,2,3,4]]}"#, "missing_input: the body has neither 'instances' nor 'inputs'"),
    (
        #"{"instances": [[1,2,3,4]], "inputs": {}}"#,
        "invalid_json: the body has more than one of 'instances' and 'inputs'"
    ),
    (#"{"instances": []}"#, "invalid_shape: instances has no rows"),
    ("[]", "invalid_shape: body has no rows"),
    (#"{"instances": 5}"#, "invalid_type: instances is a number, not an array of rows"),
    (
        #"{"instances": {"X": [1,2,3,4]}}"#,
        "invalid_type: instances is an object, not an array of rows"
    ),
    (
        #"{"instances": [5.1,3.5,1.4,0.2]}"#,
        "invalid_type: instances[0] is a number, the model takes an array of 4 numbers"
    ),
    (
        #"{"instances": [[1,2,3,4],[1,2,3,4],[1,2,3,4],[1,2,3]]}"#,
        "invalid_shape: instances[3] has 3 numbers, the model takes 4"
    ),
    (
        #"{"instances": [[1,2,3,4,"x",6]]}"#,
        "invalid_shape: instances[0] has 6 numbers, the model takes 4"
    ),
    (#"{"instances": [[1]]}"#, "invalid_shape: instances[0] has 1 number, the model takes 4"),
    ("[[1,2,3]]", "invalid_shape: body[0] has 3 numbers, the model takes 4"),
    (
        #"{"inputs": {"X": [[1,2,3]]}}"#,
        "invalid_shape: inputs.X[0] has 3 numbers, input 'X' takes 4"
    ),
    (#"{"inputs": [[1,2,3]]}"#, "invalid_shape: inputs[0] has 3 numbers, the model takes 4"),
    (
        #"{"instances": [{"X": [1,2,3]}]}"#,
        "invalid_shape: instances[0].X has 3 numbers, input 'X' takes 4"
    ),
    (
        #"{"instances": [[1,2,"3",4]]}"#,
        "invalid_type: instances[0][2] is a string, input 'X' takes float32"
    ),
    (
        #"{"instances": [[1,2,null,4]]}"#,
        "invalid_type: instances[0][2] is null, input 'X' takes float32"
    ),
    (
        #"{"instances": [[1,2,true,4]]}"#,
        "invalid_type: instances[0][2] is a boolean, input 'X' takes float32"
    ),
    (
        #"{"instances": [[1,2,[3],4]]}"#,
        "invalid_type: instances[0][2] is an array, input 'X' takes float32"
    ),
    (
        #"{"instances": [[1,2,{},4]]}"#,
        "invalid_type: instances[0][2] is an object, input 'X' takes float32"
    ),
    (
        #"{"instances": [[1,2,3,4],null]}"#,
        "invalid_type: instances[1] is null, the model takes an array of 4 numbers"
    ),
    (
        #"{"instances": [[1,2,NaN,4]]}"#,
        "invalid_json: instances[0][2]: byte 20: expected a value (the only words are true, false and null)"
    ),
    (
        #"{"instances": [[1,2,-Infinity,4]]}"#,
        "invalid_json: instances[0][2]: byte 20: malformed number"
    ),
    (
        #"{"instances": [[1,2,3e39,4]]}"#,
        "out_of_range: instances[0][2] is out of the range of float32, which input 'X' takes"
    ),
    (
        #"{"instances": [[1,2,3,4]"#,
        "invalid_json: instances is not closed: byte 24: the text ends inside a value"
    ),
    (
        #"{"instances": [[1,2,3"#,
        "invalid_json: instances is not closed: byte 21: the text ends inside a value"
    ),
    (
        #"{"instances": [[1,2,3,4]]"#,
        "invalid_json: the body is not closed: byte 25: the text ends inside a value"
    ),
    (
        #"{"instances": [[1,2,3,4]]} x"#,
        "invalid_json: body: byte 27: text after the end of the value"
    ),
    (#"{"instances": [[1,2 3,4]]}"#, "invalid_json: instances[0]: byte 20: expected ',' or ']'"),
    (#"{"instances": [[1,2,3,4],]}"#, "invalid_json: instances[1]: byte 25: expected a value"),
    (#"{"instances": [[1,2,3,04]]}"#, "invalid_json: instances[0][3]: byte 22: malformed number"),
    (
        #"{"instances": [{"Y": [1,2,3,4]}]}"#,
        "unknown_input: instances[0] has 'Y', the model takes 'X'"
    ),
    (#"{"instances": [{}]}"#, "missing_input: instances[0] has no 'X', the model takes 'X'"),
    (#"{"inputs": {"Y": []}}"#, "unknown_input: inputs has 'Y', the model takes 'X'"),
    (#"{"inputs": {}}"#, "missing_input: inputs has no 'X', the model takes 'X'"),
    (#"{"inputs": {"X": 5}}"#, "invalid_type: inputs.X is a number, not an array of rows"),
    (
        #"{"instances": [{"X": [1,2,3,4], "X": [1,2,3,4]}]}"#,
        "invalid_json: instances[0] has 'X' twice"
    ),
    (#"{"instances": [[1,2,3,4]], "p": [1,}"#, "invalid_json: body: byte 35: expected a value"),
])
func refusalsNameThePlaceAndBothSides(_ sample: (String, String)) {
    #expect(refusal(sample.0, .json, iris) == sample.1)
}

@Test(arguments: [
    (
        #"{"instances": [{"age": 1, "city": "a"}]}"#,
        "missing_input: instances[0] has no 'scores', the model takes 'age', 'city', 'scores'"
    ),
    (
        #"{"instances": [[1, "a", [1, 2]]]}"#,
        "invalid_type: instances[0] is an array, the model takes an object with 'age', 'city', 'scores'"
    ),
    (
        #"{"inputs": [1]}"#,
        "invalid_type: inputs is an array, the model takes an object with 'age', 'city', 'scores'"
    ),
    (
        #"{"inputs": {"age": [1, 2], "city": ["a"]}}"#,
        "invalid_shape: inputs.city has 1 rows, the columns before it have 2"
    ),
    (
        #"{"instances": [{"age": 1.5, "city": "a", "scores": [1, 2]}]}"#,
        "invalid_type: instances[0].age has a fraction, input 'age' takes int64"
    ),
    (
        #"{"instances": [{"age": 9223372036854775808}]}"#,
        "out_of_range: instances[0].age is out of the range of int64, which input 'age' takes"
    ),
    (
        #"{"instances": [{"city": 5}]}"#,
        "invalid_type: instances[0].city is a number, input 'city' takes string"
    ),
    (
        #"{"instances": [{"city": ["a", "b"]}]}"#,
        "invalid_shape: instances[0].city has 2 strings, input 'city' takes 1"
    ),
    (
        #"{"instances": [{"scores": [1, "x"]}]}"#,
        "invalid_type: instances[0].scores[1] is a string, input 'scores' takes float64"
    ),
    (
        #"{"inputs": {"scores": [[1, 2], [3, null]]}}"#,
        "invalid_type: inputs.scores[1][1] is null, input 'scores' takes float64"
    ),
    (
        #"{"instances": [{"city": "\ud800"}]}"#,
        "invalid_json: instances[0].city: byte 25: unpaired surrogate in a string"
    ),
])
func refusalsOfNamedInputsSayTheName(_ sample: (String, String)) {
    #expect(refusal(sample.0, .json, people) == sample.1)
}

@Test func refusalsOfNestedRowsNameTheArray() {
    let nested = one(.float32, [-1, 2, 3])
    #expect(
        refusal("[[[1,2,3],[4,5]]]", .json, nested)
            == "invalid_shape: body[0][1] has 2 numbers, the model takes 3")
    #expect(
        refusal("[[[1,2,3]]]", .json, nested)
            == "invalid_shape: body[0] has 1 array, the model takes 2")
    #expect(
        refusal("[[1,2,3]]", .json, nested)
            == "invalid_type: body[0][0] is a number, the model takes an array of 3 numbers")
    #expect(
        refusal("[[[1,2,3],[4,[],6]]]", .json, nested)
            == "invalid_type: body[0][1][1] is an array, input 'X' takes float32")
    #expect(
        refusal("[7]", .json, nested)
            == "invalid_type: body[0] is a number, the model takes an array of 2 arrays")
    #expect(
        refusal("[[1,2]]", .json, one(.float32, [-1, 1]))
            == "invalid_shape: body[0] has 2 numbers, the model takes 1")
    #expect(
        refusal("[[1]]", .json, one(.float32, [-1]))
            == "invalid_type: body[0] is an array, input 'X' takes float32")
    for (type, value) in [
        (DataType.int8, "128"), (.uint8, "256"), (.uint8, "-1"), (.int16, "32768"),
        (.float16, "65520"), (.bfloat16, "3.4e38"), (.uint64, "-1"), (.int32, "1e10"),
        (.float64, "1e309"),
    ] {
        #expect(
            refusal("[\(value)]", .json, one(type, [-1]))
                == "out_of_range: body[0] is out of the range of \(type.name), which input 'X' takes"
        )
    }
}

@Test func limitsOfRowsAndDepthAreKept() {
    var limits = Limits()
    limits.requestRowsMax = 2
    let message = "too_many_rows: body has more than 2 rows, the most a request may have"
    #expect(refusal("[1,2,3]", .json, one(.float32, [-1]), limits: limits) == message)
    #expect(refusal("[1,2]", .json, one(.float32, [-1]), limits: limits) == "accepted 2 rows")
    #expect(
        refusal(#"[{"X":1},{"X":2},{"X":3}]"#, .json, one(.float32, [-1]), limits: limits)
            == message)
    #expect(
        refusal("1\n2\n3\n", .csv, one(.float32, [-1]), limits: limits)
            == "too_many_rows: the body has more than 2 rows, the most a request may have")
    let bomb = String(repeating: "[", count: 100_000)
    #expect(
        refusal(#"{"p": "# + bomb, .json, iris) == "invalid_json: body: byte 37: nested too deep")
    #expect(
        refusal(bomb, .json, iris)
            == "invalid_type: body[0][0] is an array, input 'X' takes float32")
}

@Test func everyTruncatedBodyIsRefused() {
    for body in [
        #"{"id": 7, "instances": [[5.1,3.5,1.4,0.2],[1,2,3,4]], "x": [{}]}"#,
        #"{"inputs": {"X": [[5.1,3.5,1.4,0.2]]}}"#, #"[{"X": [5.1,3.5,1.4,0.2]}]"#,
    ] {
        let bytes = Array(body.utf8)
        for count in 0..<bytes.count {
            let cut = refusal(String(decoding: bytes[..<count], as: UTF8.self), .json, iris)
            #expect(cut.hasPrefix("invalid_json: "), "\(count): \(cut)")
        }
    }
}

@Test func randomRowsSurviveTheirTextBitForBit() throws {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<200 {
        var text = "["
        var expected: [Float] = []
        for row in 0..<17 {
            text += row > 0 ? ",[" : "["
            for column in 0..<4 {
                var value = Float(bitPattern: UInt32.random(in: 0...UInt32.max, using: &random))
                if !value.isFinite { value = 0.1 }
                expected.append(value)
                text += column > 0 ? ",\(value)" : "\(value)"
            }
            text += "]"
        }
        text += "]"
        let values = try decode(text, .json, iris).values()
        #expect(values.map(\.bitPattern) == expected.map(\.bitPattern))
    }
}
