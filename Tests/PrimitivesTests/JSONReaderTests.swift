import Primitives
import Testing

/// What a text parses to, as compact text again; or the error's message.
private func parsed(_ text: String, limits: Limits = .standard) -> String {
    parsed(Array(text.utf8), limits: limits)
}

private func parsed(_ bytes: [UInt8], limits: Limits = .standard) -> String {
    do {
        var buffer = ByteBuffer()
        buffer.append(json: try JSONValue(parsing: bytes.span, limits: limits))
        return text(buffer.span)
    } catch {
        return error.message
    }
}

/// The error of skipping the whole text, which must be that of parsing it.
private func skipError(_ bytes: [UInt8]) -> JSONError? {
    var reader = JSONReader(bytes.span)
    do throws(JSONError) {
        try reader.skipValue()
        try reader.expectEnd()
        return nil
    } catch {
        return error
    }
}

private func parseError(_ bytes: [UInt8]) -> JSONError? {
    do throws(JSONError) {
        _ = try JSONValue(parsing: bytes.span)
        return nil
    } catch {
        return error
    }
}

func text(_ span: Span<UInt8>) -> String {
    var bytes: [UInt8] = []
    for index in span.indices { bytes.append(span[index]) }
    return String(decoding: bytes, as: UTF8.self)
}

@Test(arguments: [
    ("null", "null"), ("true", "true"), ("false", "false"), (" \t\r\n[ ] ", "[]"), ("{ }", "{}"),
    ("0", "0"), ("-0", "-0.0"), ("12", "12"), ("-9223372036854775807", "-9223372036854775807"),
    ("9223372036854775807", "9223372036854775807"), ("9223372036854775808", "9.223372036854776e18"),
    ("1.5", "1.5"), ("-2.50", "-2.5"), ("1e3", "1000.0"), ("1E+3", "1000.0"), ("1e-3", "0.001"),
    ("1.25e2", "125.0"), ("0e0", "0.0"), ("0.0", "0.0"), ("1e-400", "0.0"),
    (#""""#, #""""#), (#""a""#, #""a""#), (#""\"\\\/\b\f\n\r\t""#, #""\"\\/\b\f\n\r\t""#),
    (#""\u0041\u00e9\u20ac\ud83d\ude00""#, #""Aé€😀""#), (#""é€😀""#, #""é€😀""#),
    (#""\u0000\u001f""#, #""\u0000\u001f""#),
    (#"[1,[2,[3]],{"a":{"b":[]}}]"#, #"[1,[2,[3]],{"a":{"b":[]}}]"#),
    (#"{"a":1,"b":2,"":3}"#, #"{"a":1,"b":2,"":3}"#),
    (#""abcdefgh\u0069jklmnopqr""#, #""abcdefghijklmnopqr""#),
])
func validTextsAreRead(_ sample: (String, String)) {
    #expect(parsed(sample.0) == sample.1)
    #expect(skipError(Array(sample.0.utf8)) == nil)
}

@Test(arguments: [
    ("", "byte 0: the text ends inside a value"), ("  ", "byte 2: the text ends inside a value"),
    ("nul", "byte 0: expected null"), ("nulll", "byte 4: text after the end of the value"),
    ("True", "byte 0: expected a value (the only words are true, false and null)"),
    ("NaN", "byte 0: expected a value (the only words are true, false and null)"),
    ("Infinity", "byte 0: expected a value (the only words are true, false and null)"),
    ("-Infinity", "byte 0: malformed number"), ("-NaN", "byte 0: malformed number"),
    ("+1", "byte 0: expected a value"), ("01", "byte 0: malformed number"),
    ("-01", "byte 0: malformed number"),
    ("00", "byte 0: malformed number"), (".5", "byte 0: expected a value"),
    ("1.", "byte 2: the text ends inside a value"), ("[1.]", "byte 1: malformed number"),
    ("[1.e5]", "byte 1: malformed number"), ("[-]", "byte 1: malformed number"),
    ("-", "byte 1: the text ends inside a value"),
    ("[1e]", "byte 1: malformed number"), ("[1e+]", "byte 1: malformed number"),
    ("0x10", "byte 1: text after the end of the value"),
    ("1e400", "byte 0: number out of range"), ("-1e400", "byte 0: number out of range"),
    ("[1 2]", "byte 3: expected ',' or ']'"), ("[1,]", "byte 3: expected a value"),
    ("[,1]", "byte 1: expected a value"),
    ("[1", "byte 2: the text ends inside a value"), ("[1}", "byte 2: expected ',' or ']'"),
    ("]", "byte 0: expected a value"), (#"{"a" 1}"#, "byte 5: expected ':'"),
    (#"{"a":}"#, "byte 5: expected a value"),
    (#"{"a":1,}"#, "byte 7: expected a key in quotes"),
    ("{a:1}", "byte 1: expected a key in quotes or '}'"),
    ("{1:1}", "byte 1: expected a key in quotes or '}'"),
    (#"{"a":1 "b":2}"#, "byte 7: expected ',' or '}'"),
    (#"{,}"#, "byte 1: expected a key in quotes or '}'"),
    (#"{"a":1]"#, "byte 6: expected ',' or '}'"),
    (#"{"a":1,"b":2,"a":3}"#, "byte 13: a key appears twice in one object"),
    (#"{"a":1,"\u0061":3}"#, "byte 7: a key appears twice in one object"),
    ("[1] 2", "byte 4: text after the end of the value"), ("'a'", "byte 0: expected a value"),
    (#""abc"#, "byte 4: the text ends inside a value"),
    ("\"a\nb\"", "byte 2: a control character in a string must be escaped"),
    (#""\x""#, "byte 1: malformed escape in a string"),
    (#""\u12G4""#, "byte 1: malformed escape in a string"),
    (#""\ud800""#, "byte 1: unpaired surrogate in a string"),
    (#""\udc00""#, "byte 1: unpaired surrogate in a string"),
    (#""\ud800\u0041""#, "byte 1: unpaired surrogate in a string"),
    (#""\ud800\n""#, "byte 1: unpaired surrogate in a string"),
    ("/* c */ 1", "byte 0: expected a value"), ("\u{FEFF}1", "byte 0: expected a value"),
    ("\u{A0}1", "byte 0: expected a value"),
])
func brokenTextsAreRefusedWithTheirPlace(_ sample: (String, String)) {
    #expect(parsed(sample.0) == sample.1)
    if !sample.1.contains("twice"), !sample.1.contains("range") {
        #expect(skipError(Array(sample.0.utf8))?.message == sample.1)
    }
}

@Test(
    arguments: [
        [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xC2, 0x41], [0xE0, 0x9F, 0xBF], [0xE2, 0x82],
        [0xED, 0xA0, 0x80], [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80],
        [0xF5, 0x80, 0x80, 0x80],
        [0xFF], [0xE2, 0x28, 0xA1],
    ] as [[UInt8]])
func malformedUTF8IsRefused(_ bytes: [UInt8]) {
    let text: [UInt8] = [0x22, 0x61] + bytes + [0x22]
    #expect(parsed(text) == "byte 2: malformed UTF-8 in a string")
    #expect(parsed([0x7B] + text + [0x3A, 0x31, 0x7D]) == "byte 3: malformed UTF-8 in a string")
}

@Test func everyScalarSurvivesWritingAndReading() throws {
    var value: UInt32 = 0
    while value <= 0x10FFFF {
        defer { value += value < 0x3000 ? 1 : 37 }
        guard let scalar = Unicode.Scalar(value) else { continue }
        let string = "ab\(String(Character(scalar)))cd"
        var buffer = ByteBuffer()
        buffer.appendJSON(string: string)
        #expect(try JSONValue(parsing: buffer.span) == .string(string))
    }
}

@Test func everyTruncationIsAnErrorAtItsEnd() {
    let samples = [
        #"{"instances": [[5.1,-3.5e-1,1.4,0.2]], "id": "a\n\u00e9\ud83d\ude00é😀", "x": [true, false, null, {}]}"#,
        #"[0.5, 1e10, "abcdefghijklmnop", [], {"k": "v"}]"#,
    ]
    for sample in samples {
        let bytes = Array(sample.utf8)
        #expect(parseError(bytes) == nil)
        for count in 0..<bytes.count {
            let error = parseError(Array(bytes[..<count]))
            #expect(error != nil, "\(count) bytes of \(sample)")
            #expect(error == skipError(Array(bytes[..<count])))
        }
    }
}

@Test func everyByteMayBeReplacedByAnyOtherWithoutHarm() {
    let bytes = Array(#"{"a": [1.5, -2e3, "x\u0041é", true, null], "b": {"c": 0}}"#.utf8)
    for index in bytes.indices {
        for value in UInt8.min...UInt8.max {
            var changed = bytes
            changed[index] = value
            let error = parseError(changed)
            if error?.kind != .duplicateKey, error?.kind != .numberOutOfRange {
                #expect(error == skipError(changed))
            }
        }
    }
}

@Test func depthBombsAreRefused() {
    for (open, offset) in [("[", 32), (#"{"a":"#, 160)] {
        let bomb = String(repeating: open, count: 100_000)
        #expect(parsed(bomb) == "byte \(offset): nested too deep")
        #expect(skipError(Array(bomb.utf8))?.kind == .tooDeep)
    }
    let deep = String(repeating: "[", count: 32) + String(repeating: "]", count: 32)
    #expect(parsed(deep) == deep)
    var limits = Limits()
    limits.jsonDepthMax = .max
    #expect(
        parsed(String(repeating: "[", count: 100_000), limits: limits)
            == "byte 1000: nested too deep")
    // Closing gives the depth back.
    let wide = "[" + Array(repeating: "[[]]", count: 1_000).joined(separator: ",") + "]"
    #expect(parsed(wide) == wide)
}

@Test func integersAreExactOrRefused() throws {
    func integer(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var reader = JSONReader(bytes.span)
        do {
            let value = try reader.readInt64()
            try reader.expectEnd()
            return String(value)
        } catch {
            return error.message
        }
    }
    func unsigned(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var reader = JSONReader(bytes.span)
        do { return String(try reader.readUInt64()) } catch { return error.message }
    }
    for value in [
        "0", "7", "-1", "9223372036854775807", "-9223372036854775808", "9007199254740993",
    ] {
        #expect(integer(value) == value)
    }
    #expect(integer("-0") == "0")
    #expect(integer("5.0") == "5")
    #expect(integer("5e2") == "500")
    #expect(integer("500e-2") == "5")
    #expect(integer("0e999999999999999999999") == "0")
    #expect(integer("1.00000000000000000000000000") == "1")
    #expect(integer("922337203685477580.70000000000e1") == "9223372036854775807")
    #expect(integer("9223372036854775807.0") == "9223372036854775807")
    #expect(integer("9223372036854775808") == "byte 0: number out of range")
    #expect(integer("-9223372036854775809") == "byte 0: number out of range")
    #expect(integer("1e19") == "byte 0: number out of range")
    #expect(integer("1e999999999") == "byte 0: number out of range")
    #expect(integer("123456789012345678901234567890") == "byte 0: number out of range")
    #expect(integer("1.5") == "byte 0: expected an integer")
    #expect(integer("1e-1") == "byte 0: expected an integer")
    #expect(integer("1.00000000000000000000000001") == "byte 0: expected an integer")
    #expect(integer("9223372036854775807.00000000000001") == "byte 0: expected an integer")
    #expect(integer("\"5\"") == "byte 0: expected a number")
    #expect(unsigned("18446744073709551615") == "18446744073709551615")
    #expect(unsigned("18446744073709551615.0") == "18446744073709551615")
    #expect(unsigned("18446744073709551616") == "byte 0: number out of range")
    #expect(unsigned("-1") == "byte 0: number out of range")
    #expect(unsigned("-0") == "0")
}

@Test func keysAreComparedWithoutStrings() throws {
    let bytes = Array(#"{"instances": 1, "inst\u0061nces": 2, "instance": 3}"#.utf8)
    let name = Array("instances".utf8)
    var reader = JSONReader(bytes.span)
    var matches: [Bool] = []
    try reader.enterObject()
    while try reader.nextKey() {
        #expect(reader.isKey("instances") == reader.isKey(name.span))
        #expect(reader.isKey("instances") == (reader.keyString() == "instances"))
        matches.append(reader.isKey("instances"))
        try reader.skipValue()
    }
    try reader.expectEnd()
    #expect(matches == [true, true, false])
}

@Test func treeAccessorsTellKindsApart() throws {
    let value = try JSONValue(
        parsing: #"{"a": 5, "b": 5.0, "c": "x", "d": [true], "e": 1.5, "f": null}"#)
    #expect(value["a"]?.integer == 5)
    #expect(value["b"]?.integer == 5)
    #expect(value["e"]?.integer == nil)
    #expect(value["a"]?.number == 5)
    #expect(value["c"]?.text == "x")
    #expect(value["d"]?.elements == [.boolean(true)])
    #expect(value["f"]?.kind == .null)
    #expect(value["g"] == nil)
    #expect(value.members?.map(\.key) == ["a", "b", "c", "d", "e", "f"])
}
