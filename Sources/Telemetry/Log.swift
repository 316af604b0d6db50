import Logging
import Primitives

/// What the operator is told: what happened, to what, and what to do about it. A front end of
/// swift-log.
///
/// Lines hold names and figures, never a credential and never what clients send to be predicted.
public struct Log: Sendable {
    /// The `logger` of our own lines.
    public static let label = "martlet"

    public let format: LogFormat
    public let level: Logger.Level
    private let logger: Logger

    /// `sink` takes whole lines, each with its line feed.
    public init(
        format: LogFormat = .text, level: Logger.Level = .info, label: String = Log.label,
        _ sink: @escaping @Sendable (String) -> Void
    ) {
        self.format = format
        self.level = level
        logger = Logger(label: label) {
            LineLogHandler(label: $0, format: format, level: level, sink: sink)
        }
    }

    /// Makes every `Logger` of the process, such as those of Swift models, end where our lines do.
    /// Once a process, before threads start; swift-log ends the process when it was told so before.
    public static func bootstrap(format: LogFormat, level: Logger.Level) {
        LoggingSystem.bootstrap { label in
            LineLogHandler(label: label, format: format, level: level) {
                StandardStreams.error($0)
            }
        }
    }

    public func info(_ message: String, model: String? = nil, version: String? = nil) {
        logger.info("\(message)", metadata: names(model, version))
    }

    public func warning(_ message: String, model: String? = nil, version: String? = nil) {
        logger.warning("\(message)", metadata: names(model, version))
    }

    public func error(_ message: String, model: String? = nil, version: String? = nil) {
        logger.error("\(message)", metadata: names(model, version))
    }

    /// A line with figures, of which people want the message and machines each.
    public func info(_ message: String, figures: Logger.Metadata) {
        logger.info("\(message)", metadata: figures)
    }

    public func error(_ message: String, figures: Logger.Metadata) {
        logger.error("\(message)", metadata: figures)
    }

    /// In text the message names them already.
    private func names(_ model: String?, _ version: String?) -> Logger.Metadata? {
        guard format == .json, model != nil || version != nil else { return nil }
        var metadata: Logger.Metadata = [:]
        if let model { metadata["model"] = .string(model) }
        if let version { metadata["version"] = .string(version) }
        return metadata
    }
}
