import Logging
import Primitives

/// How a line of the log looks.
public enum LogFormat: String, Sendable, CaseIterable {
    /// `martlet: error: …`, for people.
    case text
    /// A JSON object (RFC 8259) a line, for machines.
    case json

    /// One line of an event, with its line feed. Names in it come from model files and requests:
    /// whatever they hold, it is one line and no terminal acts on it. Allocates.
    public func line(_ event: LogEvent, label: String, metadata: Logger.Metadata) -> String {
        switch self {
        case .text: Self.text(event, label: label, metadata)
        case .json: Self.json(event, label: label, metadata)
        }
    }

    private static func text(
        _ event: LogEvent, label: String, _ metadata: Logger.Metadata
    ) -> String {
        var line = "martlet: "
        switch event.level {
        case .critical, .error: line += "error: "
        case .warning: line += "warning: "
        case .debug, .trace: line += "debug: "
        case .info, .notice: break
        }
        if label != Log.label { line += "[\(label.onOneLine)] " }
        line += event.message.description.onOneLine
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            line += " \(key.onOneLine)=\(value.description.onOneLine)"
        }
        return line + "\n"
    }

    private static let ownKeys: Set<String> = ["time", "level", "logger", "message"]

    private static func json(
        _ event: LogEvent, label: String, _ metadata: Logger.Metadata
    ) -> String {
        var buffer = ByteBuffer()
        buffer.append("{\"time\":\"")
        buffer.append(timestamp: WallClock.milliseconds)
        buffer.append("\",\"level\":")
        buffer.appendJSON(string: event.level.rawValue)
        buffer.append(",\"logger\":")
        buffer.appendJSON(string: label.onOneLine)
        buffer.append(",\"message\":")
        buffer.appendJSON(string: event.message.description.onOneLine)
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            buffer.append(",")
            buffer.appendJSON(string: (ownKeys.contains(key) ? "_" + key : key).onOneLine)
            buffer.append(":")
            append(value, depth: 0, to: &buffer)
        }
        buffer.append("}\n")
        return buffer.text
    }

    /// Numbers and truths stay what they are; what nests deeper than ten levels becomes text.
    private static func append(
        _ value: Logger.MetadataValue, depth: Int, to buffer: inout ByteBuffer
    ) {
        switch value {
        case .string(let text): buffer.appendJSON(string: text.onOneLine)
        case .stringConvertible(let convertible):
            switch convertible {
            case let number as any BinaryInteger:
                if let exact = Int64(exactly: number) {
                    buffer.append(json: .integer(exact))
                } else {
                    buffer.append(number.description)
                }
            case let number as Float where number.isFinite:
                buffer.append(json: .number(Double("\(number)") ?? Double(number)))
            case let number as Double where number.isFinite: buffer.append(json: .number(number))
            case let truth as Bool: buffer.append(json: .boolean(truth))
            default: buffer.appendJSON(string: convertible.description.onOneLine)
            }
        case .array(let values) where depth < 10:
            buffer.append("[")
            for (index, value) in values.enumerated() {
                if index > 0 { buffer.append(",") }
                append(value, depth: depth + 1, to: &buffer)
            }
            buffer.append("]")
        case .dictionary(let members) where depth < 10:
            buffer.append("{")
            for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
                if index > 0 { buffer.append(",") }
                buffer.appendJSON(string: member.key.onOneLine)
                buffer.append(":")
                append(member.value, depth: depth + 1, to: &buffer)
            }
            buffer.append("}")
        case .array, .dictionary: buffer.appendJSON(string: value.description.onOneLine)
        }
    }
}
