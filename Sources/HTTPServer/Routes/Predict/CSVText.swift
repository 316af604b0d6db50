import Primitives

/// The fields of a CSV text (RFC 4180): separated by commas, in quotes where they hold commas,
/// quotes or line ends; lines end in LF or CRLF, the last one may.
struct CSVText: ~Escapable {
    /// A field as it stands in the text: without its quotes.
    struct Field {
        var range: Range<Int>
        var isQuoted = false
        /// Quotes inside are doubled.
        var hasDoubledQuotes = false
    }

    let bytes: Span<UInt8>
    private var next = 0
    /// The number of the line being read, from 1.
    private(set) var line = 1
    /// Whether the field read last was the last of its line.
    private(set) var isAtLineEnd = true

    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>) {
        self.bytes = bytes
        // The byte order mark that spreadsheets put in front.
        let hasMark = bytes.count >= 3 && bytes[0] == 0xEF && bytes[1] == 0xBB && bytes[2] == 0xBF
        if hasMark { next = 3 }
    }

    /// Whether all lines are read.
    var isAtEnd: Bool { isAtLineEnd && next == bytes.count }

    /// Reads the next field, and the comma or line end behind it.
    mutating func nextField() throws(DecodeRefusal) -> Field {
        if next < bytes.count, bytes[next] == UInt8(ascii: "\"") { return try quotedField() }
        let start = next
        while next < bytes.count {
            switch bytes[next] {
            case UInt8(ascii: ","), UInt8(ascii: "\n"), UInt8(ascii: "\r"):
                let field = Field(range: start..<next)
                try endField()
                return field
            case UInt8(ascii: "\""):
                throw DecodeRefusal(
                    .invalidCSV, "line \(line): a quote inside a field that does not start with one"
                )
            default: next += 1
            }
        }
        isAtLineEnd = true
        return Field(range: start..<next)
    }

    private mutating func quotedField() throws(DecodeRefusal) -> Field {
        let startLine = line
        var field = Field(range: next + 1..<next + 1, isQuoted: true)
        next += 1
        while next < bytes.count {
            if bytes[next] == UInt8(ascii: "\n") { line += 1 }
            guard bytes[next] == UInt8(ascii: "\"") else {
                next += 1
                continue
            }
            if next + 1 < bytes.count, bytes[next + 1] == UInt8(ascii: "\"") {
                field.hasDoubledQuotes = true
                next += 2
                continue
            }
            field.range = field.range.lowerBound..<next
            next += 1
            try endField()
            return field
        }
        throw DecodeRefusal(.invalidCSV, "line \(startLine): a quote is not closed")
    }

    private mutating func endField() throws(DecodeRefusal) {
        isAtLineEnd = true
        guard next < bytes.count else { return }
        switch bytes[next] {
        case UInt8(ascii: ","):
            isAtLineEnd = false
            next += 1
        case UInt8(ascii: "\n"):
            line += 1
            next += 1
        case UInt8(ascii: "\r")
        where next + 1 < bytes.count && bytes[next + 1] == UInt8(ascii: "\n"):
            line += 1
            next += 2
        case UInt8(ascii: "\r"):
            throw DecodeRefusal(.invalidCSV, "line \(line): a CR without LF")
        default:
            throw DecodeRefusal(.invalidCSV, "line \(line): text behind a closing quote")
        }
    }

    /// The text of a field; nil when it is no UTF-8.
    func string(_ field: Field) -> String? {
        var content: [UInt8] = []
        content.reserveCapacity(field.range.count)
        var index = field.range.lowerBound
        while index < field.range.upperBound {
            content.append(bytes[index])
            index += field.hasDoubledQuotes && bytes[index] == UInt8(ascii: "\"") ? 2 : 1
        }
        return String(validating: content, as: UTF8.self)
    }

    /// The text of a field for a message: in quotes, cut where it gets long; `empty` when it is.
    func excerpt(_ field: Field) -> String {
        if field.range.isEmpty { return "empty" }
        guard let text = string(field) else { return "no UTF-8" }
        return "'\(text.excerpt(40))'"
    }
}
