import HTTP
import Primitives
import Serving

/// How much time a request has and who goes first: `X-Request-Timeout-Ms` and `X-Request-Priority`.
package struct RequestUrgency: Sendable, Equatable {
    /// When the answer is due, in nanoseconds of the monotonic clock.
    package var deadline: UInt64
    package var priority = RequestPriority.high

    /// Reads the two fields. `now` is when the request was parsed.
    ///
    /// The timeout is a whole number of milliseconds from 1; one beyond the maximum is cut to it.
    /// Throws 400 for anything else, and for a field that is repeated.
    init(
        timeout field: Range<Int>?, priority word: Range<Int>?, in bytes: Span<UInt8>,
        _ batching: BatchingConfiguration, now: UInt64
    ) throws(Refusal) {
        var timeout = batching.timeoutNanoseconds
        if let field {
            guard let milliseconds = Self.milliseconds(bytes, field) else {
                throw Refusal(
                    400, "invalid_timeout",
                    "X-Request-Timeout-Ms is '\(Router.shown(bytes, field))'; expected one whole "
                        + "number of milliseconds, at least 1")
            }
            timeout = min(milliseconds * 1_000_000, batching.timeoutNanosecondsMax)
        }
        deadline = now + timeout
        if let word {
            guard let wanted = Self.priority(bytes, word) else {
                throw Refusal(
                    400, "invalid_priority",
                    "X-Request-Priority is '\(Router.shown(bytes, word))'; expected high or low")
            }
            priority = wanted
        }
    }

    /// At most 1e12 (30 years), so that nanoseconds fit.
    package static func milliseconds(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt64? {
        guard !range.isEmpty, range.count <= 12 else { return nil }
        var value: UInt64 = 0
        for index in range {
            guard bytes[index] >= 0x30, bytes[index] <= 0x39 else { return nil }
            value = value * 10 + UInt64(bytes[index] - 0x30)
        }
        return value > 0 ? value : nil
    }

    package static func priority(_ bytes: Span<UInt8>, _ range: Range<Int>) -> RequestPriority? {
        if Ascii.equalsIgnoringCase(bytes, range, "high") { return .high }
        if Ascii.equalsIgnoringCase(bytes, range, "low") { return .low }
        return nil
    }
}
