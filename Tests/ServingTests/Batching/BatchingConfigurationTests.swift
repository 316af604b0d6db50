import Primitives
import Serving
import Testing

private func configuration(_ text: String) throws -> BatchingConfiguration {
    try ModelConfigurationTestFile.read(text).batching
}

@Test func everyKeyOfBatchingIsRead() throws {
    let batching = try configuration(
        """
        {"batching": {"max_batch_size": 16, "max_queue_delay_ms": 1.5, "timeout_ms": 250,
                      "weight": 2.5,
                      "padding": {"inputs": ["ids"], "dimension": 1, "value": 0, "mask": "mask",
                                  "buckets": [64, 16]}},
         "limits": {"queue_items": 7, "queue_bytes": 1000}}
        """)
    #expect(batching.batchSizeMax == 16)
    #expect(batching.queueDelayNanoseconds == 1_500_000)
    #expect(batching.timeoutNanoseconds == 250_000_000)
    #expect(batching.weight == 2.5)
    #expect(batching.queueItemsMax == 7)
    #expect(batching.queueBytesMax == 1000)
    #expect(
        batching.padding
            == PaddingRule(
                inputs: ["ids"], dimension: 1, value: 0, mask: "mask", buckets: [16, 64]))
}

@Test(arguments: [
    (
        #"{"batching": {"max_queue_delay_ms": -1}}"#,
        "batching.max_queue_delay_ms: expected a number"
    ),
    (#"{"batching": {"timeout_ms": 0}}"#, "batching.timeout_ms: expected a number"),
    (#"{"batching": {"weight": "2"}}"#, "batching.weight: expected a number"),
    (
        #"{"batching": {"padding": {"inputs": ["a"]}}}"#,
        "batching.padding.buckets: give the lengths"
    ),
    (#"{"batching": {"padding": {"buckets": [8]}}}"#, "batching.padding.inputs: name the inputs"),
    (#"{"batching": {"padding": {"buckets": [0]}}}"#, "batching.padding.buckets: expected a whole"),
    (#"{"batching": {"padding": {"size": 1}}}"#, "batching.padding.size: unknown key"),
])
func wrongBatchingKeysAreNamed(text: String, message: String) {
    #expect {
        try configuration(text)
    } throws: { error in
        "\(error)".contains(message)
    }
}
