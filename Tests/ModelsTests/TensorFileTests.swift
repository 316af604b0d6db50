import Glibc
import Models
import Primitives
import Testing

/// Writes a file into a folder of this process and reads it as an input.
private func read(
    _ name: String, _ text: String, as dataType: DataType, shape: [Int] = [-1, 2]
) throws -> Tensor {
    try read(name, Array(text.utf8), as: dataType, shape: shape)
}

private func read(
    _ name: String, _ bytes: [UInt8], as dataType: DataType, shape: [Int] = [-1, 2]
) throws -> Tensor {
    let folder = "/tmp/martlet-tests-\(getpid())/\(UInt64.random(in: 0 ... .max))"
    try FileSystem.createFolder(folder)
    var buffer = ByteBuffer()
    buffer.append(bytes)
    try FileSystem.write(buffer, to: "\(folder)/\(name)")
    return try TensorFile.read("\(folder)/\(name)", for: TensorSpec("x", dataType, shape))
}

/// A NumPy file by its header's words and its data.
private func npy(_ descriptor: String, _ shape: String, fortran: Bool, _ data: [UInt8]) -> [UInt8] {
    let order = fortran ? "True" : "False"
    let header =
        "{'descr': '\(descriptor)', 'fortran_order': \(order), 'shape': \(shape), }\n"
    let length = UInt16(header.utf8.count)
    return [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0, UInt8(length & 255), UInt8(length >> 8)]
        + Array(header.utf8) + data
}

@Test func numPyFilesInAnyByteAndIndexOrderAreRead() throws {
    let big = npy(">i4", "(2, 3)", fortran: false, (1...6).flatMap { [0, 0, 1, UInt8($0)] })
    #expect(try read("x.npy", big, as: .int32).array(as: Int32.self) == (257...262).map { $0 })
    let columns = npy("|u1", "(2, 3)", fortran: true, [1, 4, 2, 5, 3, 6])
    let tensor = try read("x.npy", columns, as: .uint8)
    #expect(tensor.shape == [2, 3])
    #expect(tensor.array(as: UInt8.self) == [1, 2, 3, 4, 5, 6])
    let cube = npy("|u1", "(2, 2, 2)", fortran: true, [0, 4, 2, 6, 1, 5, 3, 7])
    #expect(try read("x.npy", cube, as: .uint8).array(as: UInt8.self) == [0, 1, 2, 3, 4, 5, 6, 7])
}

@Test func tensorsSurviveWritingAndReading() throws {
    let tensors = [
        Tensor(.float32, shape: [2, 2], [1.5, -0, .infinity, .leastNonzeroMagnitude] as [Float]),
        Tensor(.int64, shape: [3], [Int64.min, 0, Int64.max]),
        Tensor(.bool, shape: [], [UInt8(1)]),
        Tensor(.float64, shape: [0, 4], [Double]()),
        Tensor(shape: [2, 2], strings: ["", "ä€😀", "longer than the others", "b"]),
    ]
    for tensor in tensors {
        var buffer = ByteBuffer()
        NPYWriter.append(tensor, to: &buffer)
        let back = try NPYReader.read(buffer.span)
        #expect(back.dataType == tensor.dataType && back.shape == tensor.shape)
        if tensor.dataType == .string {
            #expect(back.strings == tensor.strings)
        } else {
            let count = tensor.elementCount * tensor.dataType.byteCount
            let (left, right) = (
                back.memory?.span(as: UInt8.self), tensor.memory?.span(as: UInt8.self)
            )
            for index in 0..<count { #expect(left?[index] == right?[index]) }
        }
    }
}

@Test func truncatedNumPyFilesAreRefused() throws {
    let file = npy("<U2", "(2,)", fortran: false, Array(repeating: 65, count: 16))
    for count in 0..<file.count {
        #expect(throws: NPYError.self) { try NPYReader.read(Array(file[..<count]).span) }
    }
    // 0x41414141 is no character.
    #expect(throws: NPYError.self) { try NPYReader.read(file.span) }
}

@Test func jsonIsReadAloneOrAsARequestHasIt() throws {
    let texts = [
        "[[1, 2.5], [3, 4]]", "{\"instances\": [[1, 2.5], [3, 4]]}",
        "{\"inputs\": {\"y\": [1], \"x\": [[1, 2.5], [3, 4]]}}", "{\"x\": [[1, 2.5], [3, 4]]}",
    ]
    for text in texts {
        let tensor = try read("x.json", text, as: .float32)
        #expect(tensor.shape == [2, 2] && tensor.array(as: Float.self) == [1, 2.5, 3, 4])
    }
    #expect(try read("x.json", "[\"a\", \"ß\"]", as: .string).strings == ["a", "ß"])
    #expect(try read("x.json", "7", as: .int64).shape == [])
    #expect(try read("x.json", "[[], []]", as: .float32).shape == [2, 0])
}

@Test func raggedAndWrongJSONIsRefused() {
    let texts = [
        "[[1, 2], [3]]", "[1, [2]]", "[[1], 2]", "[[[1]], [2]]", "[1, 2", "[1, 2] 3",
        "{\"z\": [1]}",
        "[\"a\"]", "[null]", String(repeating: "[", count: 100_000),
    ]
    for text in texts {
        #expect(throws: TensorFile.Failure.self, "\(text.prefix(20))") {
            try read("x.json", text, as: .float32)
        }
    }
    #expect(throws: TensorFile.Failure.self) { try read("x.json", "[1.5]", as: .int64) }
    #expect(throws: TensorFile.Failure.self) { try read("x.json", "[300]", as: .uint8) }
}

@Test func csvWithAndWithoutHeaderIsRead() throws {
    for text in ["a,b\n1,2\n3,4.5\n", "1,2\r\n3,4.5", "1, 2 \n\n3,4.5\n"] {
        let tensor = try read("x.csv", text, as: .float32)
        #expect(tensor.shape == [2, 2] && tensor.array(as: Float.self) == [1, 2, 3, 4.5])
    }
    let quoted = try read("x.csv", "\"a,\"\"b\"\"\",c\n", as: .string)
    #expect(quoted.strings == ["a,\"b\"", "c"])
    #expect(try read("x.csv", "1\n2\n", as: .int64, shape: [-1]).shape == [2])
    for text in ["1,2\n3", "1,x", "\"1,2", "1,\n"] {
        #expect(throws: TensorFile.Failure.self) { try read("x.csv", text, as: .float32) }
    }
}

@Test func numbersOfAnotherTypeAreConvertedWhereTheyFit() throws {
    let doubles = npy(
        "<f8", "(1,)", fortran: false,
        (0..<8).map { UInt8(truncatingIfNeeded: 1.5.bitPattern >> ($0 * 8)) })
    #expect(try read("x.npy", doubles, as: .float32).array(as: Float.self) == [1.5])
    #expect(throws: TensorFile.Failure.self) { try read("x.npy", doubles, as: .int64) }
    #expect(throws: TensorFile.Failure.self) { try read("x.npy", doubles, as: .string) }
    let bytes = npy("|u1", "(1,)", fortran: false, [200])
    #expect(try read("x.npy", bytes, as: .int64).array(as: Int64.self) == [200])
    #expect(throws: TensorFile.Failure.self) { try read("x.npy", bytes, as: .int8) }
}

@Test func unknownKindsOfFilesAreNamed() {
    let error = #expect(throws: TensorFile.Failure.self) {
        try read("x.parquet", "PAR1", as: .float32)
    }
    #expect(error?.reason.contains(".npy") == true)
    #expect(throws: TensorFile.Failure.self) { try read("x.pb", "\u{7F}nonsense", as: .float32) }
}
