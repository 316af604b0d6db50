/// A limit that clients can run into, as `martlet_limits_hit_total` counts it. Each is a name of
/// `Limits` (for `descriptors`, of the system); docs/limits.md says what happens then.
public enum LimitHit: Int, Sendable, CaseIterable {
    case connections, connectionsPerAddress, descriptors
    case requestsPerConnection, connectionAge
    case headerBytes, headerCount, targetBytes
    case bodyBytes, decompressedBytes, decompressionRatio
    case jsonDepth, requestRows
    case pipeline, outputBytes
    case streams, http2BufferedBytes, http2ControlFrames
    case handshakeTime, headerTime, bodyTime, bodyRate, idleTime, writeTime

    /// The `limit` label.
    public var label: StaticString {
        switch self {
        case .connections: "connections"
        case .connectionsPerAddress: "connections_per_address"
        case .descriptors: "descriptors"
        case .requestsPerConnection: "requests_per_connection"
        case .connectionAge: "connection_age"
        case .headerBytes: "header_bytes"
        case .headerCount: "header_count"
        case .targetBytes: "target_bytes"
        case .bodyBytes: "body_bytes"
        case .decompressedBytes: "decompressed_bytes"
        case .decompressionRatio: "decompression_ratio"
        case .jsonDepth: "json_depth"
        case .requestRows: "request_rows"
        case .pipeline: "pipeline"
        case .outputBytes: "output_bytes"
        case .streams: "streams"
        case .http2BufferedBytes: "http2_buffered_bytes"
        case .http2ControlFrames: "http2_control_frames"
        case .handshakeTime: "handshake_time"
        case .headerTime: "header_time"
        case .bodyTime: "body_time"
        case .bodyRate: "body_rate"
        case .idleTime: "idle_time"
        case .writeTime: "write_time"
        }
    }
}
