import Models
import Primitives

/// Requests gathered in one turn of one loop, with their rows already in place. A dear model's hold one
/// request each, so that the pool can order them.
///
/// SAFETY: unchecked because it changes hands: the loop fills it, then either runs it or hands it to
/// the compute pool and does not touch it until it comes back through the loop's mailbox. While it
/// waits in the pool, the pool's lock guards it.
public final class OpenBatch: @unchecked Sendable {
    public enum Outcome: Sendable, Equatable {
        case pending, computed
        /// It was not taken in; every request in it is to be told so.
        case refused(Admission)
    }

    public let version: ModelVersion
    public let rowShapes: [[Int]]
    public let inputs: [TensorColumn]
    public let outputs: [TensorColumn]
    /// The loop it goes back to.
    public let home: Mailbox<LoopMessage>
    /// Batches with equal numbers have equal row shapes, but for one chance in 2^64: what depends on
    /// it compares the shapes.
    let shape: Int
    /// The bucket of the version's latency table.
    let bucket: Int
    public private(set) var rowCount = 0
    public internal(set) var tickets: [Ticket] = []
    public internal(set) var outcome = Outcome.pending
    /// Rows computed so far, of a request that takes several runs.
    var rowsDone = 0

    init(version: ModelVersion, rowShapes: [[Int]], home: Mailbox<LoopMessage>) {
        self.version = version
        self.rowShapes = rowShapes
        self.home = home
        shape = rowShapes.hashValue
        bucket = version.latencyBucket(rowShapes)
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

    /// Requests that are still to be computed.
    var liveTickets: Int { tickets.reduce(0) { $0 + ($1.fate == .live ? 1 : 0) } }
    var liveRows: Int { tickets.reduce(0) { $0 + ($1.fate == .live ? $1.rowCount : 0) } }

    /// What the policy sees of the requests that are still to be computed; nil when there are none.
    func waiting(unit: Int) -> WaitingRequest? {
        var deadline = UInt64.max
        var arrival = UInt64.max
        var priority = RequestPriority.low
        var rows = 0
        var items = 0
        for ticket in tickets where ticket.fate == .live {
            deadline = min(deadline, ticket.deadlineNanoseconds)
            arrival = min(arrival, ticket.parsedNanoseconds)
            if ticket.priority == .high { priority = .high }
            rows += ticket.rowCount
            items += 1
        }
        guard items > 0 else { return nil }
        return WaitingRequest(
            unit: unit, arrival: arrival, deadline: deadline, rows: rows, items: items,
            bytes: bytesPerRow * rows, shape: shape, bucket: bucket, priority: priority)
    }

    /// Makes it empty for the next turn. Memory is kept unless one request made it very large.
    func reset() {
        rowCount = 0
        rowsDone = 0
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
    /// Take connections at the addresses that waited for the models.
    case listen
    /// Stop accepting, finish what is there, then end.
    case drain
}
