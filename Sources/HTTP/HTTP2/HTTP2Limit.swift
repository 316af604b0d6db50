/// A limit that ended a stream or a connection without an answer that says so: the session's
/// `nextLimitHit` names each. Limits that are answered are the refusal of their request.
public enum HTTP2Limit: Int, Sendable, Equatable, CaseIterable {
    /// The budget of frames that only cost, or nghttp2's own bounds on acknowledgements, settings
    /// and CONTINUATION (`Limits.http2ControlFramesMax`). Ends the connection.
    case controlFrames
    /// A header list of four times `Limits.headerBytesMax`. Ends the connection.
    case headerBytes
    /// `Limits.headerMilliseconds`: half a header block cannot be answered. Ends the connection.
    case headerTime
    /// `Limits.http2StreamsMax`. The stream is refused; a client that has acknowledged the limit
    /// loses its connection.
    case streams
    /// `Limits.lingerBytesMax`, `lingerMilliseconds` or `bodyMilliseconds`: the client goes on with a
    /// body that was answered long ago, or leaves it open. The stream is reset without an error.
    case linger
}

/// How often each limit was hit since somebody asked. Does not grow, whatever a client does.
struct HTTP2LimitTally: Sendable {
    private var counts = InlineArray<5, Int>(repeating: 0)

    mutating func add(_ limit: HTTP2Limit) { counts[limit.rawValue] += 1 }

    mutating func next() -> HTTP2Limit? {
        for limit in HTTP2Limit.allCases where counts[limit.rawValue] > 0 {
            counts[limit.rawValue] -= 1
            return limit
        }
        return nil
    }
}
