import HTTPServer
import Models
import Primitives
import Testing

func npy<T: FixedWidthInteger>(
    _ descriptor: String, _ shape: String, order: String = "False", _ words: [T]
) -> [UInt8] {
    let dictionary = "{'descr': '\(descriptor)', 'fortran_order': \(order), 'shape': \(shape), }\n"
    var bytes: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0]
    bytes += [UInt8(dictionary.utf8.count), 0] + Array(dictionary.utf8)
    for word in words {
        for index in 0..<(T.bitWidth / 8) {
            bytes.append(UInt8(truncatingIfNeeded: word >> (8 * index)))
        }
    }
    return bytes
}

private func message(_ body: [UInt8], _ signature: Signature) -> String {
    do throws(DecodeRefusal) {
        return "accepted \(try decode(body, .npy, signature).rows) rows"
    } catch {
        return "\(error.code.rawValue): \(error.message)"
    }
}

private let floats: [Float] = [1, 2, 3, 4, 5, 6, 7, 8]
private let words = floats.map(\.bitPattern)

@Test func numPyFilesOfEveryOrderGiveTheSameRows() throws {
    let columnMajor: [Float] = [1, 5, 2, 6, 3, 7, 4, 8]
    for body in [
        npy("<f4", "(2, 4)", words), npy(">f4", "(2, 4)", words.map(\.byteSwapped)),
        npy("<f8", "(2, 4)", floats.map { Double($0).bitPattern }),
        npy("<f2", "(2, 4)", floats.map { Float16($0).bitPattern }),
        npy("<i8", "(2, 4)", floats.map { Int64($0) }),
        npy("|u1", "(2, 4)", floats.map { UInt8($0) }),
        npy("<f4", "(2, 4)", order: "True", columnMajor.map(\.bitPattern)),
        npy(">i2", "(2, 4)", order: "True", columnMajor.map { Int16($0).byteSwapped }),
    ] {
        let decoded = try decode(body, .npy, iris)
        #expect(decoded.rows == 2)
        #expect(decoded.values() == floats)
    }
    #expect(try decode(npy("<f4", "(4,)", Array(words[..<4])), .npy, iris).rows == 1)
    let cube = try decode(
        npy(
            "<f4", "(2, 2, 2)", order: "True",
            ([1, 5, 3, 7, 2, 6, 4, 8] as [Float]).map(\.bitPattern)),
        .npy, one(.float32, [-1, 2, 2]))
    #expect(cube.values() == floats)
}

@Test func stringsAndBooleansAreRead() throws {
    let unicode = npy("<U2", "(3,)", [0x5A, 0xFC, 0x1F600, 0, 0, 0] as [UInt32])
    #expect(try decode(unicode, .npy, one(.string, [-1])).strings() == ["Zü", "😀", ""])
    let bytes = npy("|S3", "(2,)", [0x61, 0x62, 0, 0xC3, 0xBC, 0] as [UInt8])
    #expect(try decode(bytes, .npy, one(.string, [-1])).strings() == ["ab", "ü"])
    let flags = npy("|b1", "(3,)", [0, 1, 7] as [UInt8])
    #expect(try decode(flags, .npy, one(.bool, [-1])).values(as: UInt8.self) == [0, 1, 1])
    #expect(try decode(flags, .npy, one(.float32, [-1])).values() == [0, 1, 1])
    #expect(
        message(npy("<U1", "(1,)", [0xD800] as [UInt32]), one(.string, [-1]))
            == "invalid_npy: the array's string 0 is no Unicode text")
}

@Test func numPyRefusalsSayBothShapesAndTypes() {
    #expect(
        message(npy("<f4", "(2, 3)", Array(words[..<6])), iris)
            == "invalid_shape: the array has the shape [2, 3], the model takes [rows, 4]")
    #expect(
        message(npy("<f4", "(2, 2, 2)", words), iris)
            == "invalid_shape: the array has the shape [2, 2, 2], the model takes [rows, 4]")
    #expect(
        message(npy("<f4", "(0, 4)", [UInt32]()), iris) == "invalid_shape: the array has no rows")
    #expect(
        message(npy("<f4", "(8,)", words), one(.int64, [-1]))
            == "invalid_type: the array has float32 elements, input 'X' takes int64")
    #expect(
        message(npy("<f8", "(1,)", [1e300.bitPattern]), one(.float32, [-1]))
            == "out_of_range: the array's element [0] is out of the range of float32, which input 'X' takes"
    )
    #expect(
        message(npy("<i8", "(2, 2)", [1, 2, 128, 3] as [Int64]), one(.int8, [-1, 2]))
            == "out_of_range: the array's element [1, 0] is out of the range of int8, which input 'X' takes"
    )
    #expect(
        message(npy("|i1", "(1,)", [1] as [Int8]), one(.bool, [-1]))
            == "invalid_type: the array has int8 elements, input 'X' takes bool")
    #expect(
        message(npy("<f4", "(8,)", words), one(.string, [-1]))
            == "invalid_type: the array has float32 elements, input 'X' takes string")
    #expect(
        message(npy("<f4", "(8,)", words), people)
            == "unsupported_format: a NumPy file carries one array, the model takes 3: 'age', 'city', 'scores'"
    )
    #expect(message(Array("hello world".utf8), iris).hasPrefix("invalid_npy: "))
    #expect(
        message(npy("<f4", "(4, 2)", words), one(.float32, [-1, -1, 3]))
            == "invalid_shape: the array has the shape [4, 2], the model takes [rows, any, 3]")
    #expect(
        message(npy("<f4", "(100000000000, 0)", [UInt32]()), one(.float32, [-1, 0]))
            == "too_many_rows: the array has 100000000000 rows, a request may have 100000")
}

@Test func everyByteOfANumPyBodyMayBeChangedWithoutHarm() {
    let body = npy("<f8", "(2, 4)", floats.map { Double($0).bitPattern })
    for index in 0..<body.count - 60 {
        for value in UInt8.min...UInt8.max {
            var changed = body
            changed[index] = value
            _ = message(changed, iris)
        }
    }
}
