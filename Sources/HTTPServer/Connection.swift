import HTTP
import IO
import Primitives
import TLS

/// A client's connection: its socket, its protocol state and what it owes. Owned by one loop.
final class Connection {
    /// Where in its life it is.
    enum Phase: Equatable {
        case open
        /// FIN is sent; what the client still sends is thrown away until it closes too, so that our
        /// last answer is not lost in a reset (RFC 9112 section 9.6).
        case lingering
        case closed
    }

    let descriptor: Int32
    /// Its name in the loop's slot table and epoll set.
    var token: UInt64 = 0
    var phase = Phase.open
    var session: HTTP1Session
    /// Set when the connection speaks HTTP/2; `session` is then out of use.
    var http2: HTTP2Session?
    /// Set when the connection is encrypted: `input` and `output` are then plaintext.
    var tls: TLSSession?
    /// The subject of a client certificate that was verified.
    var clientSubject: String?
    /// No byte of a request has been understood yet: it may be HTTP/2 with prior knowledge.
    var isFresh = true
    /// HTTP/2: GOAWAY was announced; from this time on it names the last stream.
    var goAwayAt: UInt64?
    var isGoingAway = false

    /// Bytes that belong to an incomplete request; empty (and without memory) otherwise.
    var input = ByteBuffer()
    /// Answer bytes not yet taken by the kernel.
    var output = ByteBuffer()
    /// Ciphertext not yet taken by the kernel; plain connections have none.
    var wire = ByteBuffer()

    /// Requests that came on it, of either protocol.
    var requestCount = 0
    /// The number of the next request.
    var nextSequence: UInt32 = 0
    /// The number of the next answer to go out.
    var nextAnswer: UInt32 = 0
    /// Answers that are ready before their turn. Almost always empty.
    var parked: [ParkedAnswer] = []
    /// What is remembered of requests for their answers and the log. Often empty.
    var traces: [RequestTrace] = []
    /// After this answer the connection closes.
    var lastSequence: UInt32?
    var owesContinue = false

    var interest: Interest = []
    /// Whether it holds a place of `Limits.connectionsMax`.
    var countsTowardsLimit = false
    /// The client address whose limit it counts towards, or 0.
    var countedPeer: UInt64 = 0
    /// The client address it came from, as a number; 0 for a Unix socket.
    var peer: UInt64 = 0
    /// Uploads whose bytes are arriving; almost always empty.
    var uploads: [Upload] = []
    /// Only somebody on this machine, or whom the operator lets in, can have opened it.
    var isTrusted = false
    /// It came in at an admin listener.
    var isAdmin = false
    /// From this time of the loop's clock on, the next answer is the last.
    var lastDay: UInt64 = .max
    /// The client sent FIN: it may still wait for answers.
    var isPeerFinished = false
    /// In the loop's list of connections to write.
    var isDirty = false
    /// In the loop's list of connections with unread requests.
    var isResuming = false

    /// When it was accepted, in milliseconds of the loop's clock.
    var openedAt: UInt64 = 0
    /// Milliseconds of the loop's clock.
    var deadline: UInt64 = .max
    /// The earliest time the timer wheel will name this connection, or `.max`.
    var wheelDue: UInt64 = .max
    /// When the request that is arriving began.
    var requestBegan: UInt64?
    /// Bytes thrown away while lingering.
    var discardedBytes = 0
    /// When the output last became empty or shorter.
    var lastProgress: UInt64 = 0

    init(descriptor: Int32, limits: Limits) {
        self.descriptor = descriptor
        session = HTTP1Session(limits: limits)
    }

    /// Nothing has been asked and nothing is owed.
    var isIdle: Bool {
        phase == .open && outstanding == 0 && !hasOutput && input.isEmpty
    }

    /// Requests read and not yet answered.
    var outstanding: Int { http2?.outstandingCount ?? Int(nextSequence &- nextAnswer) }

    /// Bytes wait for the kernel.
    var hasOutput: Bool { !output.isEmpty || !wire.isEmpty }

    /// Whether another request may be taken in now.
    func hasRoom(_ limits: Limits) -> Bool {
        guard phase == .open else { return false }
        // An HTTP/2 session holds its streams to limits of its own, and must be read from to hear of
        // the client's windows.
        if let http2 { return http2.wantsRead }
        // The body of an upload is read even when its request is the connection's last.
        if let upload = uploads.first { return upload.waitingBytes < limits.uploadBufferedBytesMax }
        let isUsedUp =
            limits.requestsPerConnectionMax > 0 && requestCount >= limits.requestsPerConnectionMax
        return lastSequence == nil && !isUsedUp && outstanding < limits.pipelineMax
            && output.count < limits.outputBytesMax
    }
}

/// A whole answer waiting for those before it.
final class ParkedAnswer {
    let sequence: UInt32
    var bytes = ByteBuffer()

    init(sequence: UInt32) { self.sequence = sequence }
}
