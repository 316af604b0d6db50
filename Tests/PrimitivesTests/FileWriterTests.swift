import Primitives
import Testing

@Test func aFileIsWrittenInPiecesAndHashed() throws {
    try withFolder { folder in
        var writer = try FileWriter(path: "\(folder)/a")
        for piece in ["ab", "", "c"] { try writer.append(Array(piece.utf8).span) }
        try writer.synchronize()
        let digest = writer.digest
        let count = writer.byteCount
        #expect(count == 3)
        #expect(
            digest.description
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(try FileSystem.contents(of: "\(folder)/a", byteCountMax: 10) == Array("abc".utf8))
        #expect(try FileSystem.digest(of: "\(folder)/a", byteCountMax: 3) == digest)
        #expect(throws: SystemError.self) {
            try FileSystem.digest(of: "\(folder)/a", byteCountMax: 2)
        }
    }
}

@Test func aFileInTheWayIsNotOverwritten() throws {
    try withFolder { folder in
        try writeText("kept", to: "\(folder)/a")
        #expect(throws: SystemError.self) { _ = try FileWriter(path: "\(folder)/a") }
        #expect(try FileSystem.contents(of: "\(folder)/a", byteCountMax: 9) == Array("kept".utf8))
    }
}

@Test func anAbandonedFileIsToldFromOneThatIsWritten() throws {
    try withFolder { folder in
        do {
            let writer = try FileWriter(path: "\(folder)/a")
            #expect(!FileWriter.isAbandoned("\(folder)/a"))
            try writer.synchronize()
        }
        #expect(FileWriter.isAbandoned("\(folder)/a"))
        #expect(!FileWriter.isAbandoned("\(folder)/nothing"))
    }
}
