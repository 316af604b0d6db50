import HTTP
import IO
import Models
import Primitives
import Serving
import TLS

/// One place to listen at.
public struct ListenerConfiguration: Sendable {
    public enum Place: Sendable, Equatable {
        case tcp(ListenAddress)
        /// A Unix-domain socket.
        case unix(String)
        /// A listening socket that the service manager opened, by its descriptor.
        case inherited(Int32)

        /// Only this machine gets there.
        var isLocal: Bool {
            switch self {
            case .tcp(let address): address.isLoopback
            case .unix: true
            // Where it listens is the service manager's decision: nobody is trusted for it.
            case .inherited: false
            }
        }
    }

    public var place: Place
    public var isTLS = false
    /// Answers health, metrics and management; no predictions.
    public var isAdmin = false

    public init(_ place: Place, isTLS: Bool = false, isAdmin: Bool = false) {
        self.place = place
        self.isTLS = isTLS
        self.isAdmin = isAdmin
    }
}

/// What an operator decides about the server.
public struct ServerConfiguration: Sendable {
    public var listeners = [
        ListenerConfiguration(.tcp(ListenAddress(host: "127.0.0.1", port: 8080)))
    ]
    /// Another server may hold the same TCP addresses (SO_REUSEPORT): this one then takes
    /// connections there only when `Server.startListening` is called, so that nobody finds it
    /// without its models.
    public var sharesPort = false
    /// Event loops, one a core.
    public var loopCount = 1
    /// Compute workers for dear models.
    public var workerCount = 1
    /// How much the workers give way to the loops when both want a processor (nice, 0 to 19).
    public var workerNice = 0
    /// A batch that is expected to take no longer than this runs on the loop.
    public var inlineMicroseconds = 200
    public var limits = Limits.standard
    /// Certificate and key of the TLS listeners.
    public var certificates: TLSCertificateStore?
    /// How models may be changed while the server runs.
    public var control = ModelControl.none
    /// What models are told when they load.
    public var loadContext = LoadContext()
    /// Which pages of other origins may use the answers.
    public var crossOrigin = CORSPolicy()

    /// What the container allows.
    public var group = ControlGroup.current
    /// The program's version, for the metrics.
    public var version = ""
    /// Whether answered requests are told of in the log, and which part of them (0 to 1).
    public var logsAccess = false
    public var accessShare = 1.0

    public init() {}
}
