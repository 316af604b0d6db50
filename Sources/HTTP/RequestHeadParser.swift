import Primitives

/// Parses the head of an HTTP/1.x request (RFC 9112 sections 2 to 6), strictly: what two servers
/// could read in two ways is refused, since that is what request smuggling lives on.
public struct RequestHeadParser: Sendable {
    let headerBytesMax: Int
    let fieldCountMax: Int
    let targetBytesMax: Int

    public init(limits: Limits) {
        headerBytesMax = limits.headerBytesMax
        fieldCountMax = limits.headerCountMax
        targetBytesMax = limits.targetBytesMax
    }

    /// Parses the head in `bytes`, which holds all of it: `end` is just behind the empty line.
    public func parse(
        _ bytes: Span<UInt8>, end: Int, into head: inout RequestHead
    ) throws(HTTPRefusal) {
        head.reset()
        var position = 0
        // RFC 9112 section 2.2: an empty line before the request line is ignored.
        if bytes[0] == Byte.cr, end > 1, bytes[1] == Byte.lf { position = 2 }
        position = try parseRequestLine(bytes, from: position, end: end, into: &head)
        var framing = Framing()
        while true {
            if bytes[position] == Byte.cr {
                guard position + 1 < end, bytes[position + 1] == Byte.lf else {
                    throw .bareLineFeed
                }
                guard position + 2 == end else { throw .badField }
                break
            }
            guard bytes[position] != Byte.lf else { throw .bareLineFeed }
            guard head.fields.count < fieldCountMax else { throw .tooManyFields }
            let (field, next) = try parseField(bytes, from: position, end: end)
            head.fields.append(field)
            try interpret(field, bytes, &head, &framing)
            position = next
        }
        try settle(&head, framing)
    }

    // MARK: Request line (RFC 9112 section 3)

    private func parseRequestLine(
        _ bytes: Span<UInt8>, from start: Int, end: Int, into head: inout RequestHead
    ) throws(HTTPRefusal) -> Int {
        var position = start
        while position < end, Ascii.isToken(bytes[position]) { position += 1 }
        guard position > start, position < end, bytes[position] == Byte.space else {
            throw .badRequestLine
        }
        let methodRange = start..<position
        let targetStart = position + 1
        position = targetStart
        while position < end, bytes[position] > Byte.space, bytes[position] < 0x7F { position += 1 }
        let target = targetStart..<position
        guard target.count <= targetBytesMax else { throw .targetTooLong }
        guard !target.isEmpty, position < end, bytes[position] == Byte.space else {
            throw position < end && bytes[position] == Byte.lf ? .bareLineFeed : .badRequestLine
        }
        let next = try parseVersion(bytes, from: position + 1, end: end, into: &head)
        guard let method = HTTPMethod(bytes, methodRange) else { throw .unknownMethod }
        head.method = method
        try parseTarget(bytes, target, into: &head)
        return next
    }

    private func parseVersion(
        _ bytes: Span<UInt8>, from start: Int, end: Int, into head: inout RequestHead
    ) throws(HTTPRefusal) -> Int {
        // RFC 9112 section 2.3: HTTP-version = "HTTP/" DIGIT "." DIGIT
        guard start + 9 < end, Ascii.equals(bytes, start..<start + 5, "HTTP/"),
            bytes[start + 6] == UInt8(ascii: "."), Self.isDigit(bytes[start + 5]),
            Self.isDigit(bytes[start + 7])
        else { throw .badVersion }
        guard bytes[start + 8] != Byte.lf else { throw .bareLineFeed }
        guard bytes[start + 8] == Byte.cr else { throw .badVersion }
        guard bytes[start + 9] == Byte.lf else { throw .bareLineFeed }
        guard bytes[start + 5] == UInt8(ascii: "1") else { throw .unsupportedVersion }
        head.minorVersion = bytes[start + 7] == UInt8(ascii: "0") ? 0 : 1
        return start + 10
    }

    /// RFC 9112 section 3.2: origin-form, absolute-form, asterisk-form; authority-form is CONNECT's.
    private func parseTarget(
        _ bytes: Span<UInt8>, _ target: Range<Int>, into head: inout RequestHead
    ) throws(HTTPRefusal) {
        var pathStart = target.lowerBound
        if bytes[pathStart] != UInt8(ascii: "/") {
            if target.count == 1, bytes[pathStart] == UInt8(ascii: "*"), head.method == .options {
                head.path = target
                return
            }
            if head.method == .connect {
                head.path = target
                return
            }
            pathStart = try skipAuthority(bytes, target)
        }
        var end = pathStart
        while end < target.upperBound, bytes[end] != UInt8(ascii: "?") {
            guard bytes[end] != UInt8(ascii: "#") else { throw .badTarget }
            end += 1
        }
        head.path = pathStart..<end
        head.query = min(end + 1, target.upperBound)..<target.upperBound
    }

    private func skipAuthority(
        _ bytes: Span<UInt8>, _ target: Range<Int>
    ) throws(HTTPRefusal) -> Int {
        var position = target.lowerBound
        if target.count > 7, Ascii.equalsIgnoringCase(bytes, position..<position + 7, "http://") {
            position += 7
        } else if target.count > 8,
            Ascii.equalsIgnoringCase(bytes, position..<position + 8, "https://")
        {
            position += 8
        } else {
            throw .badTarget
        }
        let start = position
        while position < target.upperBound, bytes[position] != UInt8(ascii: "/"),
            bytes[position] != UInt8(ascii: "?")
        {
            position += 1
        }
        guard position > start else { throw .badTarget }
        return position
    }

    // MARK: Fields (RFC 9112 section 5)

    private func parseField(
        _ bytes: Span<UInt8>, from start: Int, end: Int
    ) throws(HTTPRefusal) -> (HeaderField, next: Int) {
        // Section 5.2: obs-fold is refused.
        guard bytes[start] != Byte.space, bytes[start] != Byte.tab else { throw .foldedField }
        var position = start
        while position < end, Ascii.isToken(bytes[position]) { position += 1 }
        // Section 5.1: no whitespace between the name and the colon.
        guard position > start, position < end, bytes[position] == UInt8(ascii: ":") else {
            throw position < end && bytes[position] == Byte.lf ? .bareLineFeed : .badField
        }
        let name = start..<position
        let valueStart = position + 1
        position = valueStart
        while position < end, Ascii.isFieldValue(bytes[position]) { position += 1 }
        guard position + 1 < end else { throw .badField }
        guard bytes[position] == Byte.cr else {
            throw bytes[position] == Byte.lf ? .bareLineFeed : .badField
        }
        guard bytes[position + 1] == Byte.lf else { throw .bareLineFeed }
        let value = Ascii.trimmed(bytes, valueStart..<position)
        return (HeaderField(name: name, value: value), position + 2)
    }

    struct Framing {
        var closes = false
        var keepsAlive = false
        var hasTransferEncoding = false
    }

    /// What a field of HTTP/2 says: there is no framing in it.
    func interpret(
        _ field: HeaderField, _ bytes: Span<UInt8>, _ head: inout RequestHead
    ) throws(HTTPRefusal) {
        var framing = Framing()
        try interpret(field, bytes, &head, &framing)
    }

    private func interpret(
        _ field: HeaderField, _ bytes: Span<UInt8>, _ head: inout RequestHead,
        _ framing: inout Framing
    ) throws(HTTPRefusal) {
        switch field.name.count {
        case 4 where Ascii.equalsIgnoringCase(bytes, field.name, "host"):
            guard head.host == nil, Self.isHost(bytes, field.value) else { throw .badHost }
            head.host = field.value
        case 6 where Ascii.equalsIgnoringCase(bytes, field.name, "accept"):
            if head.accept == nil { head.accept = field.value }
        case 6 where Ascii.equalsIgnoringCase(bytes, field.name, "expect"):
            guard Ascii.equalsIgnoringCase(bytes, field.value, "100-continue") else {
                throw .badExpectation
            }
            head.expectsContinue = true
        case 6 where Ascii.equalsIgnoringCase(bytes, field.name, "origin"):
            head.origin = head.origin == nil ? field.value : 0..<0
        case 10 where Ascii.equalsIgnoringCase(bytes, field.name, "connection"):
            Ascii.forEachElement(bytes, field.value) { element in
                if Ascii.equalsIgnoringCase(bytes, element, "close") { framing.closes = true }
                if Ascii.equalsIgnoringCase(bytes, element, "keep-alive") {
                    framing.keepsAlive = true
                }
            }
        case 11 where Ascii.equalsIgnoringCase(bytes, field.name, "traceparent"):
            head.traceParent = head.traceParent == nil ? field.value : 0..<0
        case 12 where Ascii.equalsIgnoringCase(bytes, field.name, "x-request-id"):
            head.requestID = head.requestID == nil ? field.value : 0..<0
        case 12 where Ascii.equalsIgnoringCase(bytes, field.name, "content-type"):
            if head.contentType == nil { head.contentType = field.value }
        case 13 where Ascii.equalsIgnoringCase(bytes, field.name, "authorization"):
            head.authorization = head.authorization == nil ? field.value : 0..<0
        case 14 where Ascii.equalsIgnoringCase(bytes, field.name, "content-length"):
            // RFC 9110 section 8.6: a repeated or list value may be refused, and is.
            guard head.contentLength == nil else { throw .badContentLength }
            head.contentLength = try Self.decimal(bytes, field.value)
        case 14 where Ascii.equalsIgnoringCase(bytes, field.name, "x-retry-ticket"):
            head.retryTicket = head.retryTicket == nil ? field.value : 0..<0
        case 18 where Ascii.equalsIgnoringCase(bytes, field.name, "x-request-priority"):
            head.requestPriority = head.requestPriority == nil ? field.value : 0..<0
        case 20 where Ascii.equalsIgnoringCase(bytes, field.name, "x-request-timeout-ms"):
            head.requestTimeout = head.requestTimeout == nil ? field.value : 0..<0
        case 15 where Ascii.equalsIgnoringCase(bytes, field.name, "accept-encoding"):
            head.acceptEncoding = head.acceptEncoding == nil ? field.value : 0..<0
        case 16 where Ascii.equalsIgnoringCase(bytes, field.name, "content-encoding"):
            if head.contentEncoding != nil { head.repeatsContentEncoding = true }
            head.contentEncoding = field.value
        case 17 where Ascii.equalsIgnoringCase(bytes, field.name, "transfer-encoding"):
            guard !framing.hasTransferEncoding else { throw .badTransferEncoding }
            framing.hasTransferEncoding = true
            try Self.checkTransferCoding(bytes, field.value)
            head.isChunked = true
        default: break
        }
    }

    /// RFC 9112 section 6.1 and 6.3: chunked must be the last coding and stand once (else 400); codings
    /// before it are not implemented (501).
    private static func checkTransferCoding(
        _ bytes: Span<UInt8>, _ value: Range<Int>
    ) throws(HTTPRefusal) {
        var count = 0
        var chunkedCount = 0
        var isLastChunked = false
        Ascii.forEachElement(bytes, value) { element in
            count += 1
            isLastChunked = Ascii.equalsIgnoringCase(bytes, element, "chunked")
            if isLastChunked { chunkedCount += 1 }
        }
        guard isLastChunked, chunkedCount == 1 else { throw .badTransferEncoding }
        guard count == 1 else { throw .unsupportedTransferEncoding }
    }

    private func settle(_ head: inout RequestHead, _ framing: Framing) throws(HTTPRefusal) {
        if framing.hasTransferEncoding {
            // RFC 9112 section 6.1: both lengths, or a coding from an HTTP/1.0 client, smells of
            // smuggling.
            guard head.contentLength == nil else { throw .conflictingLength }
            guard head.minorVersion == 1 else { throw .badTransferEncoding }
        }
        if head.minorVersion == 1 {
            guard head.host != nil else { throw .missingHost }
            head.keepsAlive = !framing.closes
        } else {
            head.keepsAlive = framing.keepsAlive && !framing.closes
            // RFC 9110 section 10.1.1: an expectation in HTTP/1.0 is ignored.
            head.expectsContinue = false
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    private static func decimal(
        _ bytes: Span<UInt8>, _ range: Range<Int>
    ) throws(HTTPRefusal) -> Int {
        guard !range.isEmpty, range.count <= 18 else { throw .badContentLength }
        var value = 0
        for index in range {
            guard isDigit(bytes[index]) else { throw .badContentLength }
            value = value * 10 + Int(bytes[index] - 0x30)
        }
        return value
    }

    /// uri-host [ ":" port ] (RFC 3986 section 3.2), by its characters.
    static func isHost(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        for index in range {
            switch bytes[index] {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: continue
            case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: ":"),
                UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "~"), UInt8(ascii: "%"),
                UInt8(ascii: "!"), UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "'"),
                UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "*"), UInt8(ascii: "+"),
                UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "="):
                continue
            default: return false
            }
        }
        return true
    }
}

enum Byte {
    static let lf: UInt8 = 0x0A
    static let cr: UInt8 = 0x0D
    static let space: UInt8 = 0x20
    static let tab: UInt8 = 0x09
}
