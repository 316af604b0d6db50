import HTTPServer
import Models
import Primitives
import Testing

@Test(arguments: [
    "5.1,3.5,1.4,0.2\n6,3,4.5,1.5\n", "5.1,3.5,1.4,0.2\r\n6,3,4.5,1.5",
    "a,b,c,d\n5.1,3.5,1.4,0.2\n6,3,4.5,1.5\n",
    "\u{FEFF}sepal length,\"b,\"\"x\"\"\",c,d\r\n5.1, 3.5 ,1.4,0.2\r\n6,3,4.5,1.5\r\n",
    "\"5.1\",\"3.5\",1.4,0.2\n6,3,4.5,1.5\n",
])
func everyFormOfCSVGivesTheSameRows(_ body: String) throws {
    let decoded = try decode(body, .csv, iris)
    #expect(decoded.rows == 2)
    #expect(decoded.values() == [5.1, 3.5, 1.4, 0.2, 6, 3, 4.5, 1.5])
}

@Test func headersMapColumnsToInputs() throws {
    let signature = Signature(
        inputs: [
            TensorSpec("age", .int64, [-1]), TensorSpec("city", .string, [-1, 1]),
            TensorSpec("ok", .bool, [-1]),
        ],
        outputs: [TensorSpec("Y", .float32, [-1])])
    let named = try decode(
        "city,ok,age\n\"Rome, \"\"old\"\"\",True,41\nZürich,FALSE,7\n", .csv, signature)
    #expect(named.strings(1) == ["Rome, \"old\"", "Zürich"])
    #expect(named.values(0, as: Int64.self) == [41, 7])
    #expect(named.values(2, as: UInt8.self) == [1, 0])
    let plain = try decode("41,Rome,true\n", .csv, signature)
    #expect(plain.strings(1) == ["Rome"])
    #expect(
        refusal("city,ok\na,true\n", .csv, signature)
            == "invalid_type: line 1, column 1 is 'city', input 'age' takes int64"
            || refusal("city,ok\na,true\n", .csv, signature)
                == "missing_input: line 1 has no 'age', the model takes 'age', 'city', 'ok'"
    )
    #expect(
        refusal("city,ok,city\na,true,b\n", .csv, signature)
            == "invalid_csv: line 1 has 'city' twice")
    let numbers = Signature(
        inputs: [TensorSpec("a", .float32, [-1]), TensorSpec("b", .float32, [-1])],
        outputs: [TensorSpec("Y", .float32, [-1])])
    #expect(try decode("b,a\n1,2\n", .csv, numbers).values(0) == [2])
    #expect(
        refusal("b,c\n1,2\n", .csv, numbers)
            == "unknown_input: line 1 has 'c', the model takes 'a', 'b'")
    #expect(try decode("x\n1\n2\n", .csv, one(.int8, [-1, 1])).values(as: Int8.self) == [1, 2])
}

@Test(arguments: [
    ("", "invalid_shape: the body has no rows"),
    ("a,b,c,d\n", "invalid_shape: the body has no rows"),
    ("1,2,3\n", "invalid_shape: line 1 has 3 columns, the model takes 4"),
    ("1,2,3,4\n1,2,3,4,5,6\n", "invalid_shape: line 2 has 6 columns, the model takes 4"),
    ("1,2,3,4\n\n1,2,3,4\n", "invalid_shape: line 2 has 1 column, the model takes 4"),
    ("a,b,c\n1,2,3,4\n", "invalid_shape: line 1 has 3 columns, the model takes 4"),
    ("1,2,x,4\n", "invalid_type: line 1, column 3 is 'x', input 'X' takes float32"),
    ("a,b,c,d\n1,2,,4\n", "invalid_type: line 2, column 3 is empty, input 'X' takes float32"),
    ("1,2,3,nan\n", "invalid_type: line 1, column 4 is 'nan', input 'X' takes float32"),
    ("nan,nan,nan,nan\n", "invalid_type: line 1, column 1 is 'nan', input 'X' takes float32"),
    ("1,2,3,4 5\n", "invalid_type: line 1, column 4 is '4 5', input 'X' takes float32"),
    (
        "1,2,3,1e39\n",
        "out_of_range: line 1, column 4 is out of the range of float32, which input 'X' takes"
    ),
    ("1,2,\"3,4\n", "invalid_csv: line 1: a quote is not closed"),
    ("1,2,\"3\"4,5\n", "invalid_csv: line 1: text behind a closing quote"),
    ("1,2,3\"4,5\n", "invalid_csv: line 1: a quote inside a field that does not start with one"),
    ("1,2,3,4\r1,2,3,4", "invalid_csv: line 1: a CR without LF"),
    ("1,2,3,4\n1,2,3,", "invalid_type: line 2, column 4 is empty, input 'X' takes float32"),
])
func csvRefusalsNameLineAndColumn(_ sample: (String, String)) {
    #expect(refusal(sample.0, .csv, iris) == sample.1)
}
