import Primitives

/// What `models/<name>/model.json` says of a model; every key is optional.
public struct ModelConfiguration: Sendable {
    public var description = ""
    /// Class names by index, for classifiers that answer with integers or plain probabilities.
    public var labels: [String] = []
    /// One or more instances, as JSON text, for examples and warm-up.
    public var sample: String?
    /// `batching.max_batch_size`: the most rows of one run.
    public var batchSizeMax = 64
    /// `limits.queue_items`: requests of this model that may wait for the compute pool.
    public var queueItemsMax: Int
    /// `limits.queue_bytes`: input bytes of this model that may wait.
    public var queueBytesMax: Int

    public init(limits: Limits = .standard) {
        queueItemsMax = limits.queueItemsMax
        queueBytesMax = limits.queueBytesMax
    }
}
