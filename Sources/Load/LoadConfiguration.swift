import Primitives
import TLS

/// What one run does.
public struct LoadConfiguration: Sendable {
    public enum Pace: Sendable, Equatable {
        /// Arrivals a second, whatever the answers do.
        case open(rate: Double, Arrivals)
        /// So many clients, each with one request at a time.
        case closed(clients: Int)
    }

    public enum Length: Sendable, Equatable {
        case seconds(Double)
        /// Requests in all; of a closed loop only.
        case requests(Int)
    }

    public var target: LoadTarget
    public var pace: Pace
    public var length: Length
    /// The same load before the measured one, not counted.
    public var warmUpSeconds = 0.0
    public var threads = 1
    public var connections: Int
    public var speaksHTTP2 = false
    /// Requests at the same time on an HTTP/2 connection.
    public var streams = 100
    /// From the intended send time: then the client gives up. 0 is never.
    public var timeoutMilliseconds = 0
    public var obeysRetryAfter = false
    public var seed: UInt64 = 1
    /// Sent in turn.
    public var requests: [PreparedRequest]
    public var tls: TLSClientContext?
    public var limits = Limits.standard

    public init(
        target: LoadTarget, pace: Pace, length: Length, connections: Int,
        requests: [PreparedRequest]
    ) {
        precondition(!requests.isEmpty, "there is something to send")
        self.target = target
        self.pace = pace
        self.length = length
        self.connections = connections
        self.requests = requests
    }
}
