import ArgumentParser
import Glibc
import HTTPServer
import Logging
import Primitives
import Telemetry

/// What is told of on standard error, and how.
struct LogOptions: ParsableArguments {
    @Option(
        help: """
            text, json (a JSON object a line), or auto: text on a terminal, else json. json also leaves \
            standard output empty. [MARTLET_LOG_FORMAT]
            """)
    var logFormat = Environment.text("MARTLET_LOG_FORMAT") ?? "auto"

    @Option(help: "The least level: trace, debug, info, warning or error. [MARTLET_LOG_LEVEL]")
    var logLevel = Environment.text("MARTLET_LOG_LEVEL") ?? "info"

    @Flag(help: "A line for every answered request. [MARTLET_ACCESS_LOG=1]")
    var accessLog = false

    @Option(
        help: """
            The part of the requests that the access log tells of, 0 to 1; those that failed are told of \
            in any case. [MARTLET_ACCESS_LOG_SAMPLE]
            """)
    var accessLogSample = Environment.text("MARTLET_ACCESS_LOG_SAMPLE") ?? "1"

    /// Whether json was asked for by name: then the summary of the start is a line of the log, too.
    var isJSONOnly: Bool { logFormat == "json" }

    /// Where all lines go.
    func log() -> Log { Log(format: format, level: level) { StandardStreams.error($0) } }

    func apply(to configuration: inout ServerConfiguration) {
        configuration.logsAccess = accessLog || Environment.text("MARTLET_ACCESS_LOG") == "1"
        guard let share = Double(accessLogSample), (0...1).contains(share) else {
            Exit.usage("--access-log-sample is '\(accessLogSample)'; a number from 0 to 1")
        }
        configuration.accessShare = share
    }

    var format: LogFormat {
        if logFormat == "auto" { return isatty(2) == 1 ? .text : .json }
        guard let format = LogFormat(rawValue: logFormat) else {
            Exit.usage("--log-format is '\(logFormat)'; text, json or auto")
        }
        return format
    }

    var level: Logger.Level {
        guard let level = Logger.Level(rawValue: logLevel) else {
            Exit.usage("--log-level is '\(logLevel)'; trace, debug, info, warning or error")
        }
        return level
    }
}
