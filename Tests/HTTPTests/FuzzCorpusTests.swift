import Primitives
import Testing

/// Gives every file of a corpus to its exercise: the seeds of the fuzzer and every input that once was
/// a crash (see Fuzz/run.sh).
private func replay(_ target: String, _ exercise: (Span<UInt8>) -> Void) throws {
    let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let folder = "\(root)/Fuzz/corpus/\(target)"
    let names = try FileSystem.names(in: folder)
    #expect(!names.isEmpty)
    for name in names {
        let bytes = try FileSystem.contents(of: "\(folder)/\(name)", byteCountMax: 1 << 20)
        exercise(bytes.span)
    }
}

@Test func everyFileOfTheHTTP1CorpusIsHandled() throws {
    try replay("http1-session") { HTTP1SessionExercise.run($0) }
}

@Test func everyFileOfTheChunkedCorpusIsHandled() throws {
    try replay("chunked-decoder") { ChunkedDecoderExercise.run($0) }
}

@Test func everyFileOfTheContentCodingCorpusIsHandled() throws {
    try replay("content-coding") { ContentCodingExercise.run($0) }
}

@Test func everyFileOfTheHTTP2CorpusIsHandled() throws {
    try replay("http2-session") { HTTP2SessionExercise.run($0) }
}

@Test func everyFileOfTheHTTP1AnswerCorpusIsHandled() throws {
    try replay("http1-answer") { HTTP1AnswerExercise.run($0) }
}
