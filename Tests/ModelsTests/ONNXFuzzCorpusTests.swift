import Primitives
import Testing

/// The seeds of the fuzzer and every input that once was a crash (see Fuzz/run.sh).
@Test func everyFileOfTheONNXModelCorpusIsHandled() throws {
    let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let folder = "\(root)/Fuzz/corpus/onnx-model"
    let names = try FileSystem.names(in: folder)
    #expect(names.count >= 10)
    for name in names {
        let bytes = try FileSystem.contents(of: "\(folder)/\(name)", byteCountMax: 1 << 20)
        ONNXModelExercise.run(bytes.span)
    }
}
