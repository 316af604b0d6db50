import HTTP
import IO
import Models
import Primitives
import Serving
import TLS
import Telemetry

/// One event loop with everything it owns: a listener, an epoll set, connections, buffers, timers.
///
/// One thread runs it and nothing it owns is shared; other threads reach it through its mailbox.
/// A turn: wait, read and parse what is ready, run the batches that came together, write the answers.
final class ServerLoop {
    /// Tokens of the epoll set that are no connections (generation 0 is never a connection's).
    enum Token {
        static let mailbox: UInt64 = 1
        /// In the timer wheel: try to accept again after descriptors ran out.
        static let acceptAgain: UInt64 = 2
        /// In the timer wheel: the listeners close.
        static let drainDelayOver: UInt64 = 3
        /// The first listener; the others follow.
        static let listeners: UInt64 = 16
        static let listenersEnd: UInt64 = 16 + 64
    }

    /// A listening socket of this loop's own and what it is for.
    struct OwnListener {
        let listener: Listener
        let configuration: ListenerConfiguration
        /// It has its port and takes no connection yet.
        var isWaiting = false
    }

    let number: Int
    let limits: Limits
    let shared: SharedState
    let registry: Registry
    let metrics: ServerMetrics
    let mailbox: Mailbox<LoopMessage>
    let batcher: LoopBatcher
    let poller: Poller
    var listeners: [OwnListener]

    var connections = SlotTable<Connection>()
    var buffers = BufferPool(capacity: 16 << 10)
    /// Connections with answer bytes to write at the end of the turn.
    var dirty: [Connection] = []
    /// Connections whose unread requests may be taken in now that answers went out.
    var resuming: [Connection] = []
    /// Scratch for one request's head and one answer's body.
    var head = RequestHead()
    var body = ByteBuffer(capacity: 16 << 10)
    /// Scratch for ciphertext that was read, a decompressed body, a compressed answer and the bytes of
    /// an HTTP/2 request.
    var ciphertext = ByteBuffer()
    var inflated = ByteBuffer()
    var compressed = ByteBuffer()
    var requestBytes = ByteBuffer()
    let inflater: Inflater
    let deflater: Deflater
    let http2Allocator: HTTP2Allocator
    let certificates: TLSCertificateStore?
    let management: ManagementAccess
    let shadow: ShadowQueue
    /// What requests to a canary or a shadow are chosen with (SplitMix64).
    var randomState: UInt64
    let accessStore: AccessStore
    var access: AccessView
    let crossOrigin: CORSPolicy
    /// What answers to the allowed origins get, in the order they first asked.
    var origins: [CrossOriginFields] = []
    let decoder = PredictDecoder()
    var date = HTTPDate()
    var messages: [LoopMessage] = []
    let accessLog: AccessLog
    var freeTraces: [RequestTrace] = []
    /// The code of the error that is being answered, for the log.
    var refusalCode = ""
    /// The version whose error is being answered, for the log.
    var refusedVersion: ModelVersion?
    /// Failed requests that the log was told of in this second.
    var failureSecond: UInt64 = 0
    var failuresTold = 0

    var wheel: TimerWheel
    var expired: [TimerWheel.Expiry] = []
    var nowNanoseconds: UInt64
    var now: UInt64 { nowNanoseconds / 1_000_000 }

    /// The models as this loop knows them; replaced when the registry's generation changes.
    let catalog: Catalog
    /// The signal to stop has come.
    private var isLeaving = false
    /// Set when draining: after this time the remaining connections are cut.
    var drainEnd: UInt64?

    init(
        number: Int, listeners: [OwnListener], shared: SharedState, registry: Registry,
        metrics: ServerMetrics, mailbox: Mailbox<LoopMessage>, pool: ComputePool,
        accessStore: AccessStore, management: ManagementAccess, shadow: ShadowQueue,
        configuration: ServerConfiguration, accessLog: AccessLog
    ) throws(SystemError) {
        self.number = number
        self.accessLog = accessLog
        precondition(
            listeners.count < Int(Token.listenersEnd - Token.listeners), "a few listeners at most")
        self.listeners = listeners
        self.shared = shared
        self.registry = registry
        self.metrics = metrics
        self.mailbox = mailbox
        limits = configuration.limits
        inflater = Inflater(limits: configuration.limits)
        deflater = Deflater(limits: configuration.limits)
        http2Allocator = HTTP2Allocator(limits: configuration.limits)
        certificates = configuration.certificates
        self.accessStore = accessStore
        self.management = management
        self.shadow = shadow
        randomState = UInt64.random(in: 0 ... .max)
        access = AccessView(accessStore)
        crossOrigin = configuration.crossOrigin
        batcher = LoopBatcher(
            thread: number, pool: pool, home: mailbox,
            inlineNanosecondsMax: Double(configuration.inlineMicroseconds) * 1000,
            limits: configuration.limits)
        poller = try Poller()
        nowNanoseconds = MonotonicClock.nanoseconds
        wheel = TimerWheel(nowMilliseconds: nowNanoseconds / 1_000_000)
        catalog = Catalog(registry.snapshot)
        for (index, own) in listeners.enumerated() where !own.isWaiting {
            let token = Token.listeners + UInt64(index)
            try poller.add(own.listener.descriptor, token: token, .read)
        }
        try poller.add(mailbox.wakeup.descriptor, token: Token.mailbox, .read)
    }

    /// Runs until it has drained.
    func run() {
        date.update(secondsSince1970: WallClock.seconds)
        while !isFinished {
            let count = poller.wait(timeoutMilliseconds: wheel.count > 0 ? 50 : -1)
            nowNanoseconds = MonotonicClock.nanoseconds
            if catalog.snapshot.generation != registry.generation {
                catalog.refresh(registry.snapshot)
            }
            access.refresh(accessStore)
            for index in 0..<count { handle(poller.event(index)) }
            finishTurn()
            batcher.expire(now: nowNanoseconds)
            expireTimers()
            metrics.recordTurn(
                loop: number, nanoseconds: MonotonicClock.nanoseconds &- nowNanoseconds)
        }
        closeAll()
    }

    private func handle(_ event: ReadyEvent) {
        switch event.token {
        case Token.listeners..<Token.listenersEnd:
            acceptConnections(Int(event.token - Token.listeners))
        case Token.mailbox: receiveMessages()
        default:
            guard let connection = connections[event.token] else { return }
            if event.isBroken {
                close(connection)
                return
            }
            if event.isWritable { markDirty(connection) }
            if event.isReadable { read(connection) }
        }
    }

    /// Runs what was gathered and writes what is ready. Answers make room for further requests of
    /// pipelining clients, so this goes round until nothing is left to do.
    private func finishTurn() {
        date.update(secondsSince1970: WallClock.seconds)
        while true {
            batcher.flush { answer($0) }
            guard !resuming.isEmpty else { break }
            let again = resuming
            resuming.removeAll(keepingCapacity: true)
            for connection in again {
                connection.isResuming = false
                guard connection.phase == .open else { continue }
                if let http2 = connection.http2 {
                    takeRequests(connection, http2)
                    markDirty(connection)
                } else {
                    advance(connection)
                }
            }
        }
        for connection in dirty {
            connection.isDirty = false
            if connection.phase != .closed { flush(connection) }
        }
        dirty.removeAll(keepingCapacity: true)
        // Writing may have made room below the output limit.
        if !resuming.isEmpty { finishTurn() } else { trimScratch() }
    }

    /// One large request or answer does not stay resident.
    private func trimScratch() {
        let max = limits.scratchBytesMax
        guard
            body.capacity > max || inflated.capacity > max || compressed.capacity > max
                || requestBytes.capacity > max
        else { return }
        body.clear(keepingUpTo: max)
        inflated.clear(keepingUpTo: max)
        compressed.clear(keepingUpTo: max)
        requestBytes.clear(keepingUpTo: max)
        Heap.trimOwn(returningFrom: limits.heapBlockBytesMax)
        shared.noteFreedMuch()
    }

    // MARK: Connections

    private func acceptConnections(_ index: Int) {
        guard index < listeners.count, !listeners[index].isWaiting else { return }
        let own = listeners[index]
        while true {
            switch Socket.accept(own.listener.descriptor) {
            case .connection(let descriptor, let peer):
                open(descriptor, peer: peer, own.configuration)
            case .aborted: continue
            case .wouldBlock: return
            case .exhausted:
                // Waiting clients stay in the kernel's queue; trying at once would spin.
                metrics.count(loop: number, limit: .descriptors)
                listen(false)
                wheel.schedule(
                    Token.acceptAgain, due: now + UInt64(limits.acceptPauseMilliseconds))
                return
            }
        }
    }

    /// Watches all listeners, or none.
    func listen(_ isOn: Bool) {
        for (index, own) in listeners.enumerated() where !own.isWaiting {
            let token = Token.listeners + UInt64(index)
            poller.change(own.listener.descriptor, token: token, isOn ? .read : [])
        }
    }

    private func open(_ descriptor: Int32, peer: UInt64, _ listener: ListenerConfiguration) {
        metrics.count(loop: number, .connectionsAccepted)
        let connection = Connection(descriptor: descriptor, limits: limits)
        connection.isAdmin = listener.isAdmin
        connection.peer = peer
        connection.isTrusted = listener.isAdmin || listener.place.isLocal
        if listener.isTLS, let certificates {
            connection.tls = TLSSession(context: certificates.context, limits: limits)
        }
        connection.token = connections.insert(connection)
        let refusal = admit(connection, peer)
        do {
            try poller.add(descriptor, token: connection.token, .read)
        } catch {
            close(connection)
            return
        }
        connection.interest = .read
        connection.lastProgress = now
        connection.openedAt = now
        if limits.connectionAgeMilliseconds > 0 {
            let age = Double(limits.connectionAgeMilliseconds) * Double.random(in: 0.9...1.1)
            connection.lastDay = now + UInt64(age)
        }
        let patience =
            connection.tls == nil ? limits.idleMilliseconds : limits.handshakeMilliseconds
        setDeadline(connection, now + UInt64(patience))
        guard let refusal else { return }
        // Before a handshake there is nobody to tell.
        if connection.tls == nil {
            refuseConnection(connection, refusal)
        } else {
            close(connection)
        }
    }

    /// Takes the connection's places under the limits, or says which is full. An operator gets through
    /// to the admin address whatever the clients do.
    private func admit(_ connection: Connection, _ peer: UInt64) -> Refusal? {
        if connection.isAdmin { return nil }
        guard shared.takeConnection(max: limits.connectionsMax) else {
            metrics.count(loop: number, .connectionsRefused)
            metrics.count(loop: number, limit: .connections)
            return Refusal(
                503, "too_many_connections",
                "the server has \(limits.connectionsMax) connections, its limit",
                retryAfterSeconds: 1)
        }
        connection.countsTowardsLimit = true
        guard limits.connectionsPerAddressMax > 0, peer != 0 else { return nil }
        guard shared.takeAddress(peer, max: limits.connectionsPerAddressMax) else {
            metrics.count(loop: number, .connectionsRefused)
            metrics.count(loop: number, limit: .connectionsPerAddress)
            return Refusal(
                429, "too_many_connections",
                "this address has \(limits.connectionsPerAddressMax) connections, its limit",
                retryAfterSeconds: 1)
        }
        connection.countedPeer = peer
        return nil
    }

    func close(_ connection: Connection) {
        guard connection.phase != .closed else { return }
        connection.phase = .closed
        connections.remove(connection.token)
        Socket.close(connection.descriptor)
        buffers.reclaim(&connection.input)
        buffers.reclaim(&connection.output)
        buffers.reclaim(&connection.wire)
        connection.parked.removeAll()
        metrics.count(loop: number, .connectionsClosed)
        abandonUploads(connection)
        // Its unanswered requests end with it.
        let outstanding = connection.outstanding
        metrics.count(loop: number, .requestsEnded, outstanding)
        if !connection.traces.isEmpty { abandonTraces(connection) }
        if outstanding > 0 { _ = batcher.cancel(connection: connection.token, sequence: nil) }
        connection.http2 = nil
        connection.tls = nil
        if connection.countsTowardsLimit { shared.giveConnection() }
        if connection.countedPeer != 0 { shared.giveAddress(connection.countedPeer) }
    }

    private func closeAll() {
        var remaining: [Connection] = []
        connections.visit { remaining.append($1) }
        for connection in remaining { close(connection) }
        for own in listeners { own.listener.close() }
    }

    // MARK: Draining

    /// The first half: readiness is 503 already, accepting goes on.
    func beginDrain() {
        guard !isLeaving else { return }
        isLeaving = true
        // HTTP/2 clients hear of it first, then which stream was the last (RFC 9113 section 6.8).
        connections.visit { _, connection in announceGoAway(connection) }
        if limits.drainDelayMilliseconds == 0 {
            stopAccepting()
        } else {
            wheel.schedule(Token.drainDelayOver, due: now + UInt64(limits.drainDelayMilliseconds))
        }
    }

    /// The second half: no new connections; what is in flight is answered.
    func stopAccepting() {
        guard drainEnd == nil else { return }
        // Connections that the kernel completed would be reset with the listener: take them first.
        for index in listeners.indices { acceptConnections(index) }
        for own in listeners {
            if !own.isWaiting { poller.remove(own.listener.descriptor) }
            own.listener.close()
        }
        listeners.removeAll()
        drainEnd = now + UInt64(limits.drainMilliseconds)
        // Without connections nothing else would end the wait before this time.
        wheel.schedule(Token.acceptAgain, due: now + UInt64(limits.drainMilliseconds))
        // A client on an idle connection may be sending at this moment: it gets a last answer with
        // `Connection: close` within this time, then the connection ends.
        connections.visit { _, connection in
            if let http2 = connection.http2 {
                http2.finishDrain()
                markDirty(connection)
            }
            if connection.isIdle { setDeadline(connection, now + Self.drainIdleMilliseconds) }
        }
    }

    /// HTTP/2: tells the client that this connection ends; its last stream is named a second later, or
    /// when the listeners close.
    func announceGoAway(_ connection: Connection) {
        guard let http2 = connection.http2, !connection.isGoingAway else { return }
        connection.isGoingAway = true
        http2.beginDrain()
        if !isLeaving {
            connection.goAwayAt = now + 1000
            setDeadline(connection, min(connection.deadline, now + 1000))
        }
        markDirty(connection)
    }

    static let drainIdleMilliseconds: UInt64 = 500

    var isDraining: Bool { drainEnd != nil }

    private var isFinished: Bool {
        guard let drainEnd else { return false }
        return connections.count == 0 || now >= drainEnd
    }
}
