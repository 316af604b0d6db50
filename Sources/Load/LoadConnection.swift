import HTTP
import Primitives

/// One connection of a loop, and the requests on it. Its index never changes; sockets come and go.
final class LoadConnection {
    enum Phase: Equatable {
        case down
        case connecting
        case handshaking
        case open
        /// HTTP/2: the server said GOAWAY. Takes no requests; another connection stands in for it.
        case leaving
        /// Gone after that, with nothing to do until another server says GOAWAY.
        case retired
    }

    let index: Int
    var phase = Phase.down
    /// Tells events of an earlier socket from those of this one.
    var generation: UInt32 = 0
    var wire: LoadWire?
    /// When connecting began.
    var began: UInt64 = 0
    /// When bytes came last.
    var lastRead: UInt64 = 0
    /// The request that this connection is made for.
    var pending: Exchange?
    /// The request in flight is the one that the connection was made for: that the server closes it
    /// is then no coincidence of an idle connection.
    var isFresh = false
    var isPooled = false
    var isDirty = false
    var watchesWrite = false

    /// HTTP/1.1: answers, and the request in flight.
    var parser: HTTP1AnswerParser
    var current: Exchange?

    /// HTTP/2: the session, and its requests by token.
    var session: HTTP2ClientSession?
    var exchanges: [Exchange?] = []
    var freeTokens: [Int] = []

    init(index: Int, limits: Limits) {
        self.index = index
        parser = HTTP1AnswerParser(limits: limits)
    }

    /// What the poller calls it.
    var token: UInt64 { UInt64(generation) << 32 | UInt64(index) }

    /// Requests it can take now.
    var room: Int {
        guard phase == .open else { return 0 }
        if let session { return session.room }
        return current == nil ? 1 : 0
    }

    func takeToken(_ exchange: Exchange) -> Int {
        if let token = freeTokens.popLast() {
            exchanges[token] = exchange
            return token
        }
        exchanges.append(exchange)
        return exchanges.count - 1
    }

    func endExchange(_ token: Int) -> Exchange? {
        guard let exchange = exchanges[token] else { return nil }
        exchanges[token] = nil
        freeTokens.append(token)
        return exchange
    }
}
