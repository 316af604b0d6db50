import ArgumentParser
import Primitives

/// What may wait for the compute workers, for how long, and how often one client may ask.
struct QueueOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: """
            Milliseconds a prediction may take when neither the request (X-Request-Timeout-Ms) nor its \
            model.json says. [MARTLET_REQUEST_TIMEOUT_MS]
            """)
    var requestTimeoutMs = Environment.integer(
        "MARTLET_REQUEST_TIMEOUT_MS", default: Limits.standard.requestMilliseconds)

    @Option(
        parsing: .unconditional,
        help: """
            Requests that may wait for the compute workers, of all models together. \
            [MARTLET_QUEUE_ITEMS]
            """)
    var queueItems = Environment.integer(
        "MARTLET_QUEUE_ITEMS", default: Limits.standard.queueItemsTotalMax)

    @Option(
        parsing: .unconditional,
        help: "Input bytes that may wait, of all models together. [MARTLET_QUEUE_BYTES]")
    var queueBytes = Environment.integer(
        "MARTLET_QUEUE_BYTES", default: Limits.standard.queueBytesTotalMax)

    @Option(
        parsing: .unconditional,
        help: """
            Predictions a second of one client (its token's name, else its address); more get 429. \
            0 is no limit. [MARTLET_CLIENT_REQUESTS_PER_SECOND]
            """)
    var clientRequestsPerSecond = Environment.integer(
        "MARTLET_CLIENT_REQUESTS_PER_SECOND", default: Limits.standard.clientRequestsPerSecond)

    @Option(
        parsing: .unconditional,
        help: """
            Predictions one client (as above) may wait for at a time; more get 429. 0 is no limit. \
            [MARTLET_CLIENT_REQUESTS_IN_FLIGHT]
            """)
    var clientRequestsInFlight = Environment.integer(
        "MARTLET_CLIENT_REQUESTS_IN_FLIGHT", default: Limits.standard.clientRequestsInFlight)

    mutating func validate() throws {
        try ServeCommand.check(
            requestTimeoutMs, 1...Limits.standard.requestMillisecondsMax, "--request-timeout-ms")
        try ServeCommand.check(queueItems, 1...10_000_000, "--queue-items")
        try ServeCommand.check(queueBytes, 1...(1 << 42), "--queue-bytes")
        try ServeCommand.check(
            clientRequestsPerSecond, 0...1_000_000_000, "--client-requests-per-second")
        try ServeCommand.check(
            clientRequestsInFlight, 0...1_000_000_000, "--client-requests-in-flight")
    }

    /// What was asked for, over the defaults.
    func apply(to limits: inout Limits) {
        limits.requestMilliseconds = requestTimeoutMs
        limits.queueItemsTotalMax = queueItems
        limits.queueBytesTotalMax = queueBytes
        limits.clientRequestsPerSecond = clientRequestsPerSecond
        limits.clientRequestsInFlight = clientRequestsInFlight
    }
}
