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
    #expect(configuration.batching.batchSizeMax == 16)
    #expect(configuration.batching.queueItemsMax == 7)
    #expect(configuration.batching.queueBytesMax == 1000)
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

@Test func versionsAndTrafficAreRead() throws {
    let text = """
        {"version_policy": {"latest": 2}, "default_version": "stable", "required": true,
         "version_labels": {"stable": "3"}, "outputs": ["p"],
         "canary": {"version": "4", "share": 0.25, "sticky_header": "X-User"},
         "shadow": {"version": "canary"}, "warm_up": {"samples": [[1]], "seconds": 3}}
        """
    let configuration = try withFile(text) { try ModelConfiguration(path: $0, limits: Limits()) }
    let traffic = configuration.traffic
    #expect(traffic.policy == .latest(2))
    #expect(traffic.defaultVersion == "stable" && traffic.isRequired)
    #expect(traffic.labels.map(\.label) == ["stable"] && traffic.labels[0].version == "3")
    #expect(
        traffic.canary
            == CanaryConfiguration(version: "4", share: 0.25, stickyHeader: "x-user"))
    #expect(traffic.shadow == ShadowConfiguration(version: "canary", share: 1))
    #expect(configuration.outputs == ["p"])
    #expect(configuration.warmUp.seconds == 3 && configuration.warmUp.samples.count == 1)
}

@Test(arguments: [
    (#"{"version_policy": "some"}"#, "version_policy: expected \"all\""),
    (#"{"version_policy": {"latest": 0}}"#, "version_policy.latest: expected a whole number"),
    (#"{"version_policy": {"listed": ["01"]}}"#, "version_policy.listed: expected versions'"),
    (#"{"version_policy": {"latest": 1, "listed": ["1"]}}"#, "version_policy: expected"),
    (#"{"default_version": 3}"#, "default_version: expected a version's number"),
    (#"{"default_version": "a b"}"#, "default_version: expected a version's number"),
    (#"{"version_labels": {"7": "1"}}"#, "version_labels.7: a label is letters"),
    (#"{"version_labels": {"a": "b"}}"#, "version_labels.a: expected a version's number"),
    (#"{"canary": {"share": 0.1}}"#, "canary.version: is missing"),
    (#"{"canary": {"version": "1"}}"#, "canary.share: is missing"),
    (#"{"canary": {"version": "1", "share": 1.1}}"#, "canary.share: expected a number from 0 to 1"),
    (
        #"{"canary": {"version": "1", "share": 1, "sticky_header": "a b"}}"#,
        "canary.sticky_header: expected the name"
    ),
    (#"{"shadow": {"version": "1", "weight": 1}}"#, "shadow.weight: unknown key"),
    (#"{"warm_up": {"samples": []}}"#, "warm_up.samples: expected an array"),
    (#"{"outputs": ["a", "a"]}"#, "outputs: 'a' is there twice"),
    (#"{"outputs": []}"#, "outputs: expected an array"),
    (#"{"required": 1}"#, "required: expected true or false"),
])
func trafficErrorsNameTheKey(text: String, message: String) throws {
    try withFile(text) { path in
        #expect {
            try ModelConfiguration(path: path, limits: Limits())
        } throws: { "\($0)".contains(message) }
    }
}

@Test func aBrokenConfigurationNamesTheFile() throws {
    try withFile("{") { path in
        #expect {
            try ModelConfiguration(path: path, limits: Limits())
        } throws: { "\($0)".hasPrefix(path) }
    }
}
