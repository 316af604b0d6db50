import Primitives

/// The request of one stream while it arrives: its bytes and what they mean.
struct HTTP2Intake: ~Copyable {
    /// Path, host, names and values, then the body, then trailers. The head's ranges point here.
    var bytes = ByteBuffer()
    var head = RequestHead()
    var isHeadComplete = false
    /// The list's size as RFC 9113 section 6.5.2 counts it.
    var listBytes = 0
    private var hasHostField = false
    private(set) var bodyStart = 0
    private(set) var bodyBytes = 0
    private(set) var trailers: [HeaderField] = []

    var body: Range<Int> { bodyStart..<bodyStart + bodyBytes }

    mutating func recycle(keepingUpTo capacityMax: Int) {
        isHeadComplete = false
        listBytes = 0
        hasHostField = false
        bodyStart = 0
        bodyBytes = 0
        if !trailers.isEmpty { trailers = [] }
        head.reset()
        bytes.clear(keepingUpTo: capacityMax)
    }

    mutating func appendBody(_ data: UnsafeBufferPointer<UInt8>) {
        bytes.append(data)
        bodyBytes += data.count
    }

    /// Lends the body.
    func withBody(_ use: (Span<UInt8>) -> Void) {
        use(bytes.span.extracting(bodyStart..<bodyStart + bodyBytes))
    }

    /// Forgets the body and what came behind it; returns how many bytes that were.
    mutating func dropBody() -> Int {
        let dropped = bytes.count - bodyStart
        bytes.truncate(to: bodyStart)
        bodyBytes = 0
        return dropped
    }

    mutating func completeHead() {
        isHeadComplete = true
        bodyStart = bytes.count
    }

    // MARK: Fields

    /// Adds a field of the header list, which nghttp2 has held to RFC 9113 section 8.2 and 8.3:
    /// names in lower case, pseudo-header fields known, first and once, no connection-specific
    /// fields.
    mutating func appendField(
        _ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>,
        _ parser: RequestHeadParser
    ) throws(HTTPRefusal) {
        guard name.first != UInt8(ascii: ":") else {
            try appendPseudo(name, value, parser)
            return
        }
        guard head.fields.count < parser.fieldCountMax else { throw .tooManyFields }
        let field = store(name, value)
        if Ascii.equals(bytes.span, field.name, "host") {
            try setHost(field.value)
            guard !hasHostField else { throw .badHost }
            hasHostField = true
            return
        }
        head.fields.append(field)
        try Self.interpret(bytes, field, parser, &head)
    }

    private static func interpret(
        _ bytes: borrowing ByteBuffer, _ field: HeaderField, _ parser: RequestHeadParser,
        _ head: inout RequestHead
    ) throws(HTTPRefusal) {
        try parser.interpret(field, bytes.span, &head)
    }

    mutating func appendTrailer(
        _ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>,
        _ parser: RequestHeadParser
    ) throws(HTTPRefusal) {
        guard head.fields.count + trailers.count < parser.fieldCountMax else {
            throw .tooManyFields
        }
        trailers.append(store(name, value))
    }

    private mutating func store(
        _ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>
    ) -> HeaderField {
        let start = bytes.count
        bytes.append(name)
        let valueStart = bytes.count
        bytes.append(value)
        return HeaderField(name: start..<valueStart, value: valueStart..<bytes.count)
    }

    /// RFC 9113 section 8.3.1.
    private mutating func appendPseudo(
        _ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>,
        _ parser: RequestHeadParser
    ) throws(HTTPRefusal) {
        let field = store(name, value)
        switch name.count {
        case 5 where Ascii.equals(bytes.span, field.name, ":path"):
            guard value.count <= parser.targetBytesMax else { throw .targetTooLong }
            head.path = field.value
        case 7 where Ascii.equals(bytes.span, field.name, ":method"):
            guard let method = HTTPMethod(bytes.span, field.value) else { throw .unknownMethod }
            head.method = method
        case 10 where Ascii.equals(bytes.span, field.name, ":authority"):
            try setHost(field.value)
        default:
            // `:scheme` says how the client reached us, which the listener knows better.
            bytes.truncate(to: field.name.lowerBound)
        }
    }

    /// `:authority` counts as Host; a Host field that says something else is refused
    /// (RFC 9113 section 8.3.1).
    private mutating func setHost(_ range: Range<Int>) throws(HTTPRefusal) {
        guard RequestHeadParser.isHost(bytes.span, range) else { throw .badHost }
        guard let host = head.host else {
            head.host = range
            return
        }
        let span = bytes.span
        guard host.count == range.count else { throw .badHost }
        for offset in 0..<host.count {
            let first = Ascii.lowercased(span[host.lowerBound + offset])
            guard first == Ascii.lowercased(span[range.lowerBound + offset]) else {
                throw .badHost
            }
        }
    }

    /// The last rules of a head: it has a host, and its target is a path with or without a query
    /// or, for OPTIONS, `*`.
    mutating func settleHead() throws(HTTPRefusal) {
        guard let host = head.host else { throw .missingHost }
        guard head.method != .connect else {
            head.path = host
            return
        }
        let target = head.path
        let end = try Self.pathEnd(bytes, target, isOptions: head.method == .options)
        head.path = target.lowerBound..<end
        head.query = min(end + 1, target.upperBound)..<target.upperBound
    }

    private static func pathEnd(
        _ bytes: borrowing ByteBuffer, _ target: Range<Int>, isOptions: Bool
    ) throws(HTTPRefusal) -> Int {
        let span = bytes.span
        guard !target.isEmpty else { throw .badTarget }
        if span[target.lowerBound] != UInt8(ascii: "/") {
            guard isOptions, Ascii.equals(span, target, "*") else { throw .badTarget }
            return target.upperBound
        }
        var end = target.upperBound
        for index in target {
            let byte = span[index]
            guard byte > Byte.space, byte < 0x7F, byte != UInt8(ascii: "#") else {
                throw .badTarget
            }
            if byte == UInt8(ascii: "?"), end == target.upperBound { end = index }
        }
        return end
    }
}
