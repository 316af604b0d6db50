/// What a step of a session came to.
public enum TLSOutcome: Equatable, Sendable {
    /// The step did as much as it was allowed to: there may be more, so call again before feeding.
    case progress
    /// All that was received is dealt with (and what could be decrypted, was): feed more.
    case needMore
    /// Answers of the protocol itself fill the output: drain it and send, then call again.
    case outputFull
    /// The peer said close_notify; it sends nothing more.
    case closedByPeer
    /// The session is over. What is left to drain is the alert that tells the peer.
    case failed(TLSFailure)
}

/// The protocol a client asked for by ALPN (RFC 7301), or HTTP/1.1 when it did not.
public enum TLSApplicationProtocol: Equatable, Sendable {
    case http1
    case http2
}

/// The protocol version of a session.
public enum TLSVersion: String, Equatable, Sendable {
    case tls12 = "TLSv1.2"
    case tls13 = "TLSv1.3"
}
