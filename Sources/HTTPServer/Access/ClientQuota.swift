import Primitives
import Synchronization

/// How often each client may ask: a token bucket a client, in a table of bounded size. All loops share
/// one; it is asked only when there is a limit.
///
/// A bucket holds half a second's worth of requests, at least one. When the table is full, buckets that
/// are full again are forgotten (they say nothing); if none is, a client that is not in it is let
/// through: the limit is about fairness, and the queues have bounds of their own.
package final class ClientQuota: Sendable {
    private struct Bucket {
        var tokens: Double
        var filledAt: UInt64
    }

    private struct State {
        var buckets: [UInt64: Bucket] = [:]
        /// The table is looked through for full buckets once a second at most.
        var sweptAt: UInt64 = 0
    }

    private let rate: Double
    private let burst: Double
    private let clientsMax: Int
    private let state = Mutex(State())

    package init(limits: Limits) {
        rate = Double(limits.clientRequestsPerSecond)
        burst = max(1, rate / 2)
        clientsMax = limits.clientsMax
    }

    package var isOn: Bool { rate > 0 }

    /// Takes one request of a client. Nil when it may come in, else the nanoseconds until it may.
    /// `client` is a hash of its name or address; `now` is in nanoseconds.
    package func take(_ client: UInt64, now: UInt64) -> UInt64? {
        guard isOn else { return nil }
        return state.withLock { state in
            guard var bucket = state.buckets[client] else {
                if state.buckets.count >= clientsMax { sweep(&state, now) }
                if state.buckets.count < clientsMax {
                    state.buckets[client] = Bucket(tokens: burst - 1, filledAt: now)
                }
                return nil
            }
            bucket.tokens = filled(bucket, now)
            bucket.filledAt = max(now, bucket.filledAt)
            defer { state.buckets[client] = bucket }
            if bucket.tokens >= 1 {
                bucket.tokens -= 1
                return nil
            }
            return UInt64((1 - bucket.tokens) / rate * 1e9) + 1
        }
    }

    private func filled(_ bucket: Bucket, _ now: UInt64) -> Double {
        let elapsed = now > bucket.filledAt ? now - bucket.filledAt : 0
        return min(burst, bucket.tokens + Double(elapsed) / 1e9 * rate)
    }

    private func sweep(_ state: inout State, _ now: UInt64) {
        guard state.sweptAt == 0 || now - min(now, state.sweptAt) >= 1_000_000_000 else { return }
        state.sweptAt = now
        state.buckets = state.buckets.filter { filled($0.value, now) < burst }
    }

    package var clientCount: Int { state.withLock { $0.buckets.count } }
}
