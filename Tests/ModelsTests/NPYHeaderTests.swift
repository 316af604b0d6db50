import Models
import Primitives
import Testing

/// A file with this dictionary, and `data` bytes of zeros behind it.
private func file(_ dictionary: String, version: UInt8 = 1, data: Int) -> [UInt8] {
    var bytes: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, version, 0]
    let length = dictionary.utf8.count
    bytes += [UInt8(truncatingIfNeeded: length), UInt8(truncatingIfNeeded: length >> 8)]
    if version > 1 { bytes += [UInt8(truncatingIfNeeded: length >> 16), 0] }
    return bytes + Array(dictionary.utf8) + Array(repeating: 0, count: data)
}

private func message(_ bytes: [UInt8]) -> String {
    do throws(NPYError) {
        let header = try NPYHeader(bytes.span)
        return "\(header.element.dataType.name) \(header.shape)"
    } catch {
        return error.message
    }
}

private func dictionary(_ descriptor: String, _ shape: String, order: String = "False") -> String {
    "{'descr': '\(descriptor)', 'fortran_order': \(order), 'shape': \(shape), }\n"
}

@Test func headersOfAllVersionsAreRead() throws {
    for version: UInt8 in 1...3 {
        let bytes = file(dictionary("<f4", "(2, 3)", order: "True"), version: version, data: 24)
        let header = try NPYHeader(bytes.span)
        #expect(header.element == NPYElement(.float32))
        #expect(header.shape == [2, 3])
        #expect(header.isFortranOrder)
        #expect(header.dataOffset == bytes.count - 24)
    }
}

@Test func everyElementIsRead() {
    for (descriptor, expected) in [
        ("<f2", "float16"), ("<f8", "float64"), ("|i1", "int8"), ("<i2", "int16"), ("<i4", "int32"),
        ("<i8", "int64"), ("|u1", "uint8"), ("<u2", "uint16"), ("<u4", "uint32"), ("<u8", "uint64"),
        ("|b1", "bool"), ("<U5", "string"), ("|S5", "string"), (">f4", "float32"), ("=i4", "int32"),
    ] {
        let size = Int(descriptor.dropFirst(2))! * (descriptor.contains("U") ? 4 : 1)
        #expect(message(file(dictionary(descriptor, "(3,)"), data: 3 * size)) == "\(expected) [3]")
    }
    #expect(message(file(dictionary("<f4", "()"), data: 4)) == "float32 []")
    #expect(message(file(dictionary("<f4", "(0, 7)"), data: 0)) == "float32 [0, 7]")
    #expect(message(file(#"{"shape":(1,),"fortran_order":False,"descr":"<f4"}"#, data: 4)) == "float32 [1]")
}

@Test func brokenHeadersAreRefusedWithTheirReason() {
    #expect(message([]) == "the file ends inside the header")
    #expect(message(Array("PK\u{3}\u{4}......".utf8)) == "the file does not start as a NumPy file does (\\x93NUMPY)")
    #expect(message(file("", version: 4, data: 4)) == "format version 4.0 is not supported (1.0 to 3.0 are)")
    #expect(
        message([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 2, 0, 255, 255, 255, 255])
            == "the header has 4294967295 bytes, more than 10000")
    #expect(message([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0, 50, 0]) == "the file ends inside the header")
    #expect(
        message(file(dictionary("<f4", "(2, 3)"), data: 23))
            == "the shape [2, 3] of '<f4' needs 24 bytes of data, the file holds 23")
    #expect(
        message(file(dictionary("<f4", "(2, 3)"), data: 25))
            == "the shape [2, 3] of '<f4' needs 24 bytes of data, the file holds 25")
    #expect(
        message(file(dictionary("<f4", "(4611686018427387904, 4)"), data: 0))
            == "the shape [4611686018427387904, 4] is too large")
    #expect(
        message(file(dictionary("<f4", "(4611686018427387904,)"), data: 0))
            == "the shape [4611686018427387904] is too large")
    #expect(message(file(dictionary("<f4", "(99999999999999999999,)"), data: 0)) == "a dimension is too large")
    #expect(message(file(dictionary("<f4", "(-1,)"), data: 0)) == "the header is malformed at byte 60")
    #expect(message(file(dictionary("<f4", "(3)"), data: 12)) == "the header is malformed at byte 62")
    #expect(
        message(file(dictionary("|O", "(1,)"), data: 8))
            == "arrays of '|O' are not supported; use float, int, uint, bool, U or S elements")
    #expect(
        message(file("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", data: 4))
            == "arrays of records are not supported")
    #expect(message(file("{'descr': '<f4', 'shape': (1,), }", data: 4)) == "the header has no 'fortran_order'")
    #expect(
        message(file("{'descr': '<f4', 'descr': '<f4', 'shape': (1,), }", data: 4))
            == "the header's key 'descr' is unknown or repeated")
}

@Test func everyTruncatedHeaderIsRefused() {
    let bytes = file(dictionary("<f4", "(2, 3)"), data: 24)
    for count in 0..<bytes.count {
        #expect(message(Array(bytes[..<count])).contains("[2, 3]") == (count > bytes.count - 25))
    }
}

@Test func everyByteOfAHeaderMayBeChangedWithoutHarm() {
    let bytes = file(dictionary("<f4", "(2, 3)"), data: 24)
    for index in 0..<bytes.count - 24 {
        for value in UInt8.min...UInt8.max {
            var changed = bytes
            changed[index] = value
            _ = message(changed)
        }
    }
}

@Test func writtenHeadersAreReadBack() throws {
    for shape in [[], [0], [7], [2, 3], [1, 2, 3, 4]] {
        for element in [NPYElement(.float32), NPYElement(.bool), NPYElement(characters: 9)] {
            var buffer = ByteBuffer()
            NPYHeader(element: element, shape: shape).append(to: &buffer)
            #expect(buffer.count % 64 == 0)
            let dataBytes = shape.reduce(1, *) * element.byteCount
            buffer.append(Array(repeating: 0, count: dataBytes))
            let header = try NPYHeader(buffer.span)
            #expect(header.element == element)
            #expect(header.shape == shape)
            #expect(header.dataOffset == buffer.count - dataBytes)
        }
    }
}
