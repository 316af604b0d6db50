import ArgumentParser
import Primitives

/// The limits an operator may change: for each a flag, a variable, a name of `Limits`, and a row of
/// docs/limits.md, which says what happens when it is hit.
struct LimitOptions: ParsableArguments {
    @Option(parsing: .unconditional, help: "The most open connections. [MARTLET_CONNECTIONS]")
    var connections = Environment.integer(
        "MARTLET_CONNECTIONS", default: Limits.standard.connectionsMax)

    @Option(
        parsing: .unconditional,
        help: """
            The most connections of one client address; 0 for no limit. \
            [MARTLET_CONNECTIONS_PER_ADDRESS]
            """)
    var connectionsPerAddress = Environment.integer(
        "MARTLET_CONNECTIONS_PER_ADDRESS", default: Limits.standard.connectionsPerAddressMax)

    @Option(
        parsing: .unconditional,
        help: """
            Requests after which a connection is closed; 0 for no limit. \
            [MARTLET_REQUESTS_PER_CONNECTION]
            """)
    var requestsPerConnection = Environment.integer(
        "MARTLET_REQUESTS_PER_CONNECTION", default: Limits.standard.requestsPerConnectionMax)

    @Option(
        parsing: .unconditional,
        help: """
            Seconds after which a connection is closed with its next answer, a tenth more or less, \
            so that long-lived clients spread over new replicas; 0 for never. \
            [MARTLET_CONNECTION_AGE_SECONDS]
            """)
    var connectionAgeSeconds = Environment.integer(
        "MARTLET_CONNECTION_AGE_SECONDS", default: Limits.standard.connectionAgeMilliseconds / 1000)

    @Option(
        parsing: .unconditional,
        help: "The largest request header, in bytes. [MARTLET_HEADER_BYTES]")
    var headerBytes = Environment.integer(
        "MARTLET_HEADER_BYTES", default: Limits.standard.headerBytesMax)

    @Option(parsing: .unconditional, help: "The most header fields. [MARTLET_HEADER_COUNT]")
    var headerCount = Environment.integer(
        "MARTLET_HEADER_COUNT", default: Limits.standard.headerCountMax)

    @Option(
        parsing: .unconditional,
        help: "The longest request target, in bytes. [MARTLET_TARGET_BYTES]")
    var targetBytes = Environment.integer(
        "MARTLET_TARGET_BYTES", default: Limits.standard.targetBytesMax)

    @Option(
        parsing: .unconditional,
        help: "The largest request body, in bytes. [MARTLET_BODY_BYTES]")
    var bodyBytes = Environment.integer("MARTLET_BODY_BYTES", default: Limits.standard.bodyBytesMax)

    @Option(
        parsing: .unconditional,
        help: "The largest decompressed request body, in bytes. [MARTLET_DECOMPRESSED_BYTES]")
    var decompressedBytes = Environment.integer(
        "MARTLET_DECOMPRESSED_BYTES", default: Limits.standard.decompressedBytesMax)

    @Option(
        parsing: .unconditional,
        help: """
            How many times its size a compressed body may become, beyond 4 MiB. \
            [MARTLET_DECOMPRESSION_RATIO]
            """)
    var decompressionRatio = Environment.integer(
        "MARTLET_DECOMPRESSION_RATIO", default: Limits.standard.decompressionRatioMax)

    @Option(
        parsing: .unconditional,
        help: "The deepest nesting of arrays and objects in a JSON body. [MARTLET_JSON_DEPTH]")
    var jsonDepth = Environment.integer("MARTLET_JSON_DEPTH", default: Limits.standard.jsonDepthMax)

    @Option(parsing: .unconditional, help: "The most rows in one request. [MARTLET_REQUEST_ROWS]")
    var requestRows = Environment.integer(
        "MARTLET_REQUEST_ROWS", default: Limits.standard.requestRowsMax)

    @Option(
        parsing: .unconditional,
        help: """
            Requests of one HTTP/1.1 connection that may wait for their answers at the same time. \
            [MARTLET_PIPELINE]
            """)
    var pipeline = Environment.integer("MARTLET_PIPELINE", default: Limits.standard.pipelineMax)

    @Option(
        parsing: .unconditional,
        help: """
            Answer bytes a connection may owe before no more of its requests are read. \
            [MARTLET_OUTPUT_BYTES]
            """)
    var outputBytes = Environment.integer(
        "MARTLET_OUTPUT_BYTES", default: Limits.standard.outputBytesMax)

    @Option(
        parsing: .unconditional,
        help: "HTTP/2 streams a connection may have open. [MARTLET_STREAMS]")
    var streams = Environment.integer("MARTLET_STREAMS", default: Limits.standard.http2StreamsMax)

    @Option(
        parsing: .unconditional,
        help: """
            Bytes of requests that may be arriving on one HTTP/2 connection at the same time. \
            [MARTLET_HTTP2_BUFFERED_BYTES]
            """)
    var http2BufferedBytes = Environment.integer(
        "MARTLET_HTTP2_BUFFERED_BYTES", default: Limits.standard.http2BufferedBytesMax)

    @Option(
        parsing: .unconditional,
        help: """
            HTTP/2 frames that only cost, such as PING, a connection may send at once; a tenth as \
            many are added each second. [MARTLET_HTTP2_CONTROL_FRAMES]
            """)
    var http2ControlFrames = Environment.integer(
        "MARTLET_HTTP2_CONTROL_FRAMES", default: Limits.standard.http2ControlFramesMax)

    @Option(
        parsing: .unconditional,
        help: "Seconds for a TLS handshake. [MARTLET_HANDSHAKE_SECONDS]")
    var handshakeSeconds = Environment.integer(
        "MARTLET_HANDSHAKE_SECONDS", default: Limits.standard.handshakeMilliseconds / 1000)

    @Option(
        parsing: .unconditional,
        help: "Seconds for a request's header to arrive. [MARTLET_HEADER_SECONDS]")
    var headerSeconds = Environment.integer(
        "MARTLET_HEADER_SECONDS", default: Limits.standard.headerMilliseconds / 1000)

    @Option(
        parsing: .unconditional,
        help: "Seconds for a request's body to arrive. [MARTLET_BODY_SECONDS]")
    var bodySeconds = Environment.integer(
        "MARTLET_BODY_SECONDS", default: Limits.standard.bodyMilliseconds / 1000)

    @Option(
        parsing: .unconditional,
        help: """
            Bytes a second that a request body must come with, after --body-grace-seconds. \
            [MARTLET_BODY_RATE]
            """)
    var bodyRate = Environment.integer(
        "MARTLET_BODY_RATE", default: Limits.standard.bodyBytesPerSecondMin)

    @Option(
        parsing: .unconditional,
        help: "Seconds before --body-rate counts. [MARTLET_BODY_GRACE_SECONDS]")
    var bodyGraceSeconds = Environment.integer(
        "MARTLET_BODY_GRACE_SECONDS", default: Limits.standard.bodyGraceMilliseconds / 1000)

    @Option(
        parsing: .unconditional,
        help: "Seconds a connection may be idle. [MARTLET_IDLE_SECONDS]")
    var idleSeconds = Environment.integer(
        "MARTLET_IDLE_SECONDS", default: Limits.standard.idleMilliseconds / 1000)

    @Option(
        parsing: .unconditional,
        help: "Seconds a client may take none of its answer. [MARTLET_WRITE_SECONDS]")
    var writeSeconds = Environment.integer(
        "MARTLET_WRITE_SECONDS", default: Limits.standard.writeMilliseconds / 1000)

    mutating func validate() throws {
        try ServeCommand.check(connections, 1...1_000_000, "--connections")
        try ServeCommand.check(connectionsPerAddress, 0...1_000_000, "--connections-per-address")
        try ServeCommand.check(
            requestsPerConnection, 0...1_000_000_000, "--requests-per-connection")
        try ServeCommand.check(connectionAgeSeconds, 0...31_536_000, "--connection-age-seconds")
        try ServeCommand.check(headerBytes, 256...(1 << 20), "--header-bytes")
        try ServeCommand.check(headerCount, 4...10_000, "--header-count")
        try ServeCommand.check(targetBytes, 16...(1 << 20), "--target-bytes")
        try ServeCommand.check(bodyBytes, 1...(1 << 32), "--body-bytes")
        try ServeCommand.check(decompressedBytes, 1...(1 << 32), "--decompressed-bytes")
        try ServeCommand.check(decompressionRatio, 1...100_000, "--decompression-ratio")
        try ServeCommand.check(jsonDepth, 2...1_000, "--json-depth")
        try ServeCommand.check(requestRows, 1...10_000_000, "--request-rows")
        try ServeCommand.check(pipeline, 1...10_000, "--pipeline")
        try ServeCommand.check(outputBytes, 1_024...(1 << 32), "--output-bytes")
        try ServeCommand.check(streams, 1...65_536, "--streams")
        try ServeCommand.check(http2BufferedBytes, 65_536...(1 << 34), "--http2-buffered-bytes")
        try ServeCommand.check(http2ControlFrames, 100...1_000_000, "--http2-control-frames")
        try ServeCommand.check(handshakeSeconds, 1...3_600, "--handshake-seconds")
        try ServeCommand.check(headerSeconds, 1...3_600, "--header-seconds")
        try ServeCommand.check(bodySeconds, 1...86_400, "--body-seconds")
        try ServeCommand.check(bodyRate, 1...(1 << 30), "--body-rate")
        try ServeCommand.check(bodyGraceSeconds, 0...3_600, "--body-grace-seconds")
        try ServeCommand.check(idleSeconds, 1...86_400, "--idle-seconds")
        try ServeCommand.check(writeSeconds, 1...86_400, "--write-seconds")
    }

    /// What was asked for, over the defaults.
    func apply(to limits: inout Limits) {
        limits.connectionsMax = connections
        limits.connectionsPerAddressMax = connectionsPerAddress
        limits.requestsPerConnectionMax = requestsPerConnection
        limits.connectionAgeMilliseconds = connectionAgeSeconds * 1000
        limits.headerBytesMax = headerBytes
        limits.headerCountMax = headerCount
        limits.targetBytesMax = min(targetBytes, headerBytes)
        limits.bodyBytesMax = bodyBytes
        limits.decompressedBytesMax = decompressedBytes
        limits.decompressionRatioMax = decompressionRatio
        limits.jsonDepthMax = jsonDepth
        limits.requestRowsMax = requestRows
        limits.pipelineMax = pipeline
        limits.outputBytesMax = outputBytes
        limits.http2StreamsMax = streams
        limits.http2BufferedBytesMax = http2BufferedBytes
        limits.http2LoopBufferedBytesMax = max(limits.http2LoopBufferedBytesMax, http2BufferedBytes)
        limits.http2ControlFramesMax = http2ControlFrames
        limits.http2ControlFramesPerSecond = http2ControlFrames / 10
        limits.handshakeMilliseconds = handshakeSeconds * 1000
        limits.headerMilliseconds = headerSeconds * 1000
        limits.bodyMilliseconds = bodySeconds * 1000
        limits.bodyBytesPerSecondMin = bodyRate
        limits.bodyGraceMilliseconds = bodyGraceSeconds * 1000
        limits.idleMilliseconds = idleSeconds * 1000
        limits.writeMilliseconds = writeSeconds * 1000
    }
}
