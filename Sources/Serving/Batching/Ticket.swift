import Models

/// One request's place in a batch, and what the loop needs to answer it.
public struct Ticket: Sendable {
    /// What becomes of a request that waits.
    public enum Fate: Sendable, Equatable {
        /// Waits, or was computed.
        case live
        /// Its client left: it is not computed and not answered.
        case cancelled
        /// Its deadline passed, or could not be met any more, before it was computed: it is not.
        case expired
    }

    /// The connection's token in its loop's slot table.
    public let connection: UInt64
    /// The request's number on its connection.
    public let sequence: UInt32
    public let rowStart: Int
    public let rowCount: Int
    public let parsedNanoseconds: UInt64
    /// When its answer is due, on the monotonic clock.
    public let deadlineNanoseconds: UInt64
    public let priority: RequestPriority
    /// It was refused before and comes back at the time it was given.
    public let isReturning: Bool
    /// The length its rows had before they were padded; 0 when they were not.
    public let trueLength: Int
    /// Who asked, for the loop's count of a client's requests; 0 when nobody counts.
    public var client: UInt64
    /// The loop's own notes (answer format and so on); Serving does not look at them.
    public let notes: UInt64
    public internal(set) var fate = Fate.live
    /// Set when this request's rows could not be computed.
    public internal(set) var failure: PredictionError?
    /// When its run began; 0 until then.
    public internal(set) var startedNanoseconds: UInt64 = 0

    public init(
        connection: UInt64, sequence: UInt32, rowStart: Int, rowCount: Int,
        parsedNanoseconds: UInt64, deadlineNanoseconds: UInt64 = .max,
        priority: RequestPriority = .high, isReturning: Bool = false, trueLength: Int = 0,
        client: UInt64 = 0, notes: UInt64
    ) {
        self.connection = connection
        self.sequence = sequence
        self.rowStart = rowStart
        self.rowCount = rowCount
        self.parsedNanoseconds = parsedNanoseconds
        self.deadlineNanoseconds = deadlineNanoseconds
        self.priority = priority
        self.isReturning = isReturning
        self.trueLength = trueLength
        self.client = client
        self.notes = notes
    }

    /// The same request with its place in a batch.
    public func placed(rowStart: Int, rowCount: Int, trueLength: Int = 0) -> Ticket {
        Ticket(
            connection: connection, sequence: sequence, rowStart: rowStart, rowCount: rowCount,
            parsedNanoseconds: parsedNanoseconds, deadlineNanoseconds: deadlineNanoseconds,
            priority: priority, isReturning: isReturning, trueLength: trueLength, client: client,
            notes: notes)
    }

    /// The same request at another place, in a worker's joined batch.
    func moved(to rowStart: Int) -> Ticket {
        placed(rowStart: rowStart, rowCount: rowCount, trueLength: trueLength)
    }
}
