import Models
import Primitives

/// One request's place in a batch, and what the loop needs to answer it.
public struct Ticket: Sendable {
    /// The connection's token in its loop's slot table.
    public let connection: UInt64
    /// The request's number on its connection.
    public let sequence: UInt32
    public let rowStart: Int
    public let rowCount: Int
    public let parsedNanoseconds: UInt64
    /// The loop's own notes (answer format and so on); Serving does not look at them.
    public let notes: UInt64
    /// Set when the client left while it waited: its rows are not computed.
    public internal(set) var isCancelled = false
    /// Set when this request's rows could not be computed.
    public internal(set) var failure: PredictionError?

    public init(
        connection: UInt64, sequence: UInt32, rowStart: Int, rowCount: Int,
        parsedNanoseconds: UInt64, notes: UInt64
    ) {
        self.connection = connection
        self.sequence = sequence
        self.rowStart = rowStart
        self.rowCount = rowCount
        self.parsedNanoseconds = parsedNanoseconds
        self.notes = notes
    }
}

/// Requests gathered in one turn of one loop, with their rows already in place.
///
/// SAFETY: unchecked because it changes hands: the loop fills it, then either runs it or hands it to
/// the compute pool and does not touch it until it comes back through the loop's mailbox.
public final class OpenBatch: @unchecked Sendable {
    public enum Outcome: Sendable, Equatable {
        case pending, computed
        /// The queue was full; every request in it is to be told to come back.
        case refused(retryAfterSeconds: Int)
    }

    public let version: ModelVersion
    public let rowShapes: [[Int]]
    public let inputs: [TensorColumn]
    public let outputs: [TensorColumn]
    /// The loop it goes back to.
    public let home: Mailbox<LoopMessage>
    public private(set) var rowCount = 0
    public internal(set) var tickets: [Ticket] = []
    public internal(set) var outcome = Outcome.pending

    init(version: ModelVersion, rowShapes: [[Int]], home: Mailbox<LoopMessage>) {
        self.version = version
        self.rowShapes = rowShapes
        self.home = home
        // Memory follows what clients really send: rows of unknown size may be large, so one at first.
        let capacity = version.hasStaticRows ? max(1, min(version.chunkRows, 8)) : 1
        inputs = version.makeInputs(rowShapes: rowShapes, rowCapacity: capacity)
        outputs = version.makeOutputs(rowCapacity: capacity)
    }

    /// The rows of a request are in place behind `rowCount`: they now belong to the batch.
    public func commit(_ ticket: Ticket) {
        precondition(ticket.rowStart == rowCount, "rows are appended")
        rowCount += ticket.rowCount
        tickets.append(ticket)
    }

    var bytesPerRow: Int { inputs.reduce(0) { $0 + $1.bytesPerRow } }

    /// Input bytes of the rows in it.
    var byteCount: Int { bytesPerRow * rowCount }

    /// Requests whose client is still there.
    var liveTickets: Int { tickets.reduce(0) { $0 + ($1.isCancelled ? 0 : 1) } }
    var liveRows: Int { tickets.reduce(0) { $0 + ($1.isCancelled ? 0 : $1.rowCount) } }

    /// Makes it empty for the next turn. Memory is kept unless one request made it very large.
    func reset() {
        rowCount = 0
        outcome = .pending
        tickets.removeAll(keepingCapacity: true)
    }

    /// What its columns hold.
    var memoryBytes: Int {
        inputs.reduce(0) { $0 + $1.memory.byteCount }
            + outputs.reduce(0) { $0 + $1.memory.byteCount }
    }

    /// Whether it is worth keeping for reuse.
    var isReusable: Bool {
        !version.isRetired
            && inputs.reduce(0) { $0 + $1.memory.byteCount } <= 4 << 20
            && outputs.reduce(0) { $0 + $1.memory.byteCount } <= 4 << 20
    }
}

/// What other threads tell a loop.
public enum LoopMessage: Sendable {
    /// A batch that went to the compute pool is done.
    case completed(OpenBatch)
    /// The registry has a new snapshot, or waits for versions that left it to be let go.
    case registryChanged
    /// Bytes of an upload were written: its client may be read from again.
    case uploadWritten(connection: UInt64, sequence: UInt32, byteCount: Int)
    /// A management request is done.
    case managed(ManagementAnswer)
    /// Stop accepting, finish what is there, then end.
    case drain
}
