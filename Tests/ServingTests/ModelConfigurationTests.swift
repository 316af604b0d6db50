import Glibc
import Primitives
import Serving
import Testing

/// A file in a folder of its own under /tmp, removed at the end.
private func withFile<R>(_ text: String, _ body: (String) throws -> R) throws -> R {
    let path = "/tmp/martlet-test-\(getpid())-\(UInt64.random(in: 0 ... .max)).json"
    let file = try #require(fopen(path, "w"))
    fputs(text, file)
    fclose(file)
    defer { unlink(path) }
    return try body(path)
}

@Test func aFullConfigurationIsRead() throws {
    let text = """
        {"description": "d", "labels": ["a", "b"], "sample": [[1, 2]],
         "unknown_columns": "ignore", "batching": {"max_batch_size": 16}, "limits": {"queue_items": 7, "queue_bytes": 1000}}
        """
    let configuration = try withFile(text) { try ModelConfiguration(path: $0, limits: Limits()) }
    #expect(configuration.description == "d")
    #expect(configuration.labels == ["a", "b"])
    #expect(configuration.batchSizeMax == 16)
    #expect(configuration.queueItemsMax == 7)
    #expect(configuration.queueBytesMax == 1000)
    #expect(configuration.sample != nil)
    #expect(configuration.ignoresUnknownColumns)
    #expect(!ModelConfiguration().ignoresUnknownColumns)
}

@Test(arguments: [
    (#"{"batching": {"max_batch_size": 0}}"#, "batching.max_batch_size: expected a whole number"),
    (#"{"batching": {"size": 1}}"#, "batching.size: unknown key; known here: max_batch_size"),
    (#"{"labls": []}"#, "labls: unknown key; known here: description, labels"),
    (#"{"labels": [1]}"#, "labels: expected a string"),
    (#"{"unknown_columns": "drop"}"#, #"unknown_columns: expected "ignore" or "refuse""#),
    (#"{"sample": []}"#, "sample: expected an array with at least one instance"),
    (#"[]"#, "expected an object"),
    (#"{"limits": {"queue_items": 1.5}}"#, "limits.queue_items: expected a whole number"),
])
func configurationErrorsNameTheKey(text: String, message: String) throws {
    try withFile(text) { path in
        #expect {
            try ModelConfiguration(path: path, limits: Limits())
        } throws: { error in
            "\(error)".hasPrefix("\(path): ") && "\(error)".contains(message)
        }
    }
}

@Test func aBrokenConfigurationNamesTheFile() throws {
    try withFile("{") { path in
        #expect {
            try ModelConfiguration(path: path, limits: Limits())
        } throws: { "\($0)".hasPrefix(path) }
    }
}
