/// How urgent a request is: what `X-Request-Priority` says.
///
/// High requests go first while they need less than `share / (share + 1)` of the model's compute; past
/// that, low ones get one row for each `Limits.priorityShare` high ones, so neither starves.
public enum RequestPriority: UInt8, Sendable, CaseIterable {
    /// The one of a request that does not say.
    case high
    /// Work nobody waits for: backfills, re-scoring.
    case low
}
