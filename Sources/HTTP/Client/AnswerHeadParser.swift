import Primitives

/// Reads the head of an HTTP/1.x answer: the status line and the fields a client acts on
/// (RFC 9112 sections 4 and 5). Lines may end in a bare LF (section 2.2). Costs no allocation.
enum AnswerHeadParser {
    /// `bytes[..<end]` is a whole head with its empty line.
    static func parse(
        _ bytes: Span<UInt8>, end: Int, into head: inout AnswerHead
    ) throws(AnswerFault) {
        var position = try parseStatusLine(bytes, end: end, into: &head)
        // A line that begins with white space goes on with the one before (section 5.2). Only a
        // field that nobody reads may do so.
        var mayFold = false
        while position < end {
            guard let feed = bytes.extracting(position..<end).firstIndexOfLineFeed() else {
                throw .badField
            }
            let next = position + feed + 1
            let line = position..<trimmedEnd(bytes, position, next - 1)
            position = next
            if line.isEmpty { return }
            if bytes[line.lowerBound] == Byte.space || bytes[line.lowerBound] == Byte.tab {
                guard mayFold else { throw .badField }
                continue
            }
            mayFold = try !parseField(bytes, line, into: &head)
        }
        throw .badField
    }

    private static func trimmedEnd(_ bytes: Span<UInt8>, _ start: Int, _ feed: Int) -> Int {
        feed > start && bytes[feed - 1] == Byte.cr ? feed - 1 : feed
    }

    /// `HTTP/1.1 200 OK`; the reason may be missing, and its space too.
    private static func parseStatusLine(
        _ bytes: Span<UInt8>, end: Int, into head: inout AnswerHead
    ) throws(AnswerFault) -> Int {
        guard let feed = bytes.extracting(0..<end).firstIndexOfLineFeed() else {
            throw .badStatusLine
        }
        let lineEnd = trimmedEnd(bytes, 0, feed)
        guard lineEnd >= 12, Ascii.equals(bytes, 0..<7, "HTTP/1."),
            bytes[7] &- 0x30 < 10, bytes[8] == Byte.space
        else { throw .badStatusLine }
        var status = 0
        for index in 9..<12 {
            let digit = bytes[index] &- 0x30
            guard digit < 10 else { throw .badStatusLine }
            status = status * 10 + Int(digit)
        }
        guard status >= 100, lineEnd == 12 || bytes[12] == Byte.space else {
            throw .badStatusLine
        }
        head.status = status
        head.keepsAlive = bytes[7] != 0x30
        return feed + 1
    }

    /// Returns whether the field is one that is read.
    private static func parseField(
        _ bytes: Span<UInt8>, _ line: Range<Int>, into head: inout AnswerHead
    ) throws(AnswerFault) -> Bool {
        var colon = line.lowerBound
        while colon < line.upperBound, Ascii.isToken(bytes[colon]) { colon += 1 }
        guard colon < line.upperBound, bytes[colon] == UInt8(ascii: ":"), colon > line.lowerBound
        else { throw .badField }
        for index in colon + 1..<line.upperBound where !Ascii.isFieldValue(bytes[index]) {
            throw .badField
        }
        let name = line.lowerBound..<colon
        let value = Ascii.trimmed(bytes, colon + 1..<line.upperBound)
        switch name.count {
        case 14 where Ascii.equalsIgnoringCase(bytes, name, "content-length"):
            try takeLength(bytes, value, into: &head)
        case 17 where Ascii.equalsIgnoringCase(bytes, name, "transfer-encoding"):
            takeCodings(bytes, value, into: &head)
        case 10 where Ascii.equalsIgnoringCase(bytes, name, "connection"):
            takeConnection(bytes, value, into: &head)
        default: return head.takeRetryField(bytes, name: name, value: value)
        }
        return true
    }

    /// Given twice, or as a list, it must say the same each time (RFC 9110 section 8.6).
    private static func takeLength(
        _ bytes: Span<UInt8>, _ value: Range<Int>, into head: inout AnswerHead
    ) throws(AnswerFault) {
        var isGood = !value.isEmpty
        var length = head.contentLength
        Ascii.forEachElement(bytes, value) { element in
            var number = 0
            for index in element {
                let digit = bytes[index] &- 0x30
                guard digit < 10, number < 1 << 55 else {
                    isGood = false
                    return
                }
                number = number * 10 + Int(digit)
            }
            if let length, length != number { isGood = false }
            length = number
        }
        guard isGood, length != nil else { throw .badContentLength }
        head.contentLength = length
    }

    /// RFC 9112 section 6.3, rule 4: what does not end in chunked ends with the connection.
    private static func takeCodings(
        _ bytes: Span<UInt8>, _ value: Range<Int>, into head: inout AnswerHead
    ) {
        var isChunked = false
        Ascii.forEachElement(bytes, value) { element in
            isChunked = Ascii.equalsIgnoringCase(bytes, element, "chunked")
        }
        head.isChunked = isChunked
        head.endsWithConnection = !isChunked
    }

    private static func takeConnection(
        _ bytes: Span<UInt8>, _ value: Range<Int>, into head: inout AnswerHead
    ) {
        var keepsAlive = head.keepsAlive
        Ascii.forEachElement(bytes, value) { element in
            if Ascii.equalsIgnoringCase(bytes, element, "close") { keepsAlive = false }
            if Ascii.equalsIgnoringCase(bytes, element, "keep-alive") { keepsAlive = true }
        }
        head.keepsAlive = keepsAlive
    }
}
