import Primitives
import Synchronization

/// The context new sessions start with, and its replacement when the files change.
///
/// Any thread may ask for the context or reload it. Sessions that are open keep the one they began
/// with.
public final class TLSCertificateStore: Sendable {
    private struct State {
        var context: TLSContext
        /// Of the files at the last attempt, so that a bad pair is reported once.
        var stamps: [FileStamp?]
        /// When the newest ticket key began to seal, as far as `rotateKeys` was told the time.
        var keyBegan: Int?
    }

    private let configuration: TLSConfiguration
    private let limits: Limits
    private let state: Mutex<State>

    /// Reads the files of `configuration`; they must be good.
    public init(
        _ configuration: TLSConfiguration, limits: Limits = .standard
    ) throws(TLSError) {
        self.configuration = configuration
        self.limits = limits
        // Stamps come first: a file that changes while it is read has changed since.
        let stamps = Self.stamps(of: configuration)
        let context = try TLSContext(configuration, limits: limits)
        state = Mutex(State(context: context, stamps: stamps))
    }

    /// The newest context. Costs an uncontended lock.
    public var context: TLSContext { state.withLock { $0.context } }

    /// Whether a file is another than at the last attempt to read it. Costs three system calls.
    public func isChanged() -> Bool {
        let now = Self.stamps(of: configuration)
        return state.withLock { $0.stamps != now }
    }

    /// Reads the files again. When they are not good, the error says why and the old context stays.
    ///
    /// Each success begins a new ticket key; tickets of the two before it are still taken, so
    /// clients resume across a reload.
    public func reload() throws(TLSError) {
        let stamps = Self.stamps(of: configuration)
        let keys = state.withLock { state in
            state.stamps = stamps
            return state.context.keys
        }
        let context = try TLSContext(configuration, limits: limits, keys: keys)
        keys.rotate()
        state.withLock { $0.context = context }
    }

    /// Begins a new ticket key when the newest is `Limits.tlsTicketKeySeconds` old, whatever the
    /// files do; true when it did. `now` is in seconds of any clock that only goes forward, the same
    /// for every call. A ticket is taken until the third rotation after it.
    public func rotateKeys(now: Int) -> Bool {
        state.withLock { state in
            guard let began = state.keyBegan else {
                state.keyBegan = now
                return false
            }
            guard now - began >= limits.tlsTicketKeySeconds else { return false }
            state.keyBegan = now
            state.context.keys.rotate()
            return true
        }
    }

    private static func stamps(of configuration: TLSConfiguration) -> [FileStamp?] {
        [
            FileStamp(path: configuration.certificatePath),
            FileStamp(path: configuration.keyPath),
            configuration.clientCAPath.flatMap { FileStamp(path: $0) },
        ]
    }
}
