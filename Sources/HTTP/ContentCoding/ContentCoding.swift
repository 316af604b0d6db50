/// How the bytes of a body are coded (RFC 9110 section 8.4.1).
public enum ContentCoding: UInt8, Sendable, Equatable, CaseIterable {
    case identity
    /// RFC 1952.
    case gzip
    /// The zlib wrapper of RFC 1950, as RFC 9110 section 8.4.1.2 defines the name.
    case deflate

    /// What a request may be coded with: the `Accept-Encoding` of a 415 (RFC 9110 section 15.5.16).
    public static let accepted: StaticString = "gzip, deflate"

    public var name: StaticString {
        switch self {
        case .identity: "identity"
        case .gzip: "gzip"
        case .deflate: "deflate"
        }
    }

    /// The coding of a request's body. Several codings on top of each other are refused, in one field
    /// or in more than one: each would multiply what a small body may cost.
    public init(of head: RequestHead, in bytes: Span<UInt8>) throws(ContentCodingRefusal) {
        guard !head.repeatsContentEncoding else { throw .severalCodings }
        try self.init(contentEncoding: head.contentEncoding, in: bytes)
    }

    /// Reads the value of a `Content-Encoding` field; none is `identity`.
    public init(
        contentEncoding value: Range<Int>?, in bytes: Span<UInt8>
    ) throws(ContentCodingRefusal) {
        guard let value else {
            self = .identity
            return
        }
        var only: Range<Int>?
        var count = 0
        Ascii.forEachElement(bytes, value) { element in
            only = element
            count += 1
        }
        guard count <= 1 else { throw .severalCodings }
        guard let only else {
            self = .identity
            return
        }
        guard let coding = Self(name: only, in: bytes) else { throw .unknownCoding }
        self = coding
    }

    /// Names are compared without case; RFC 9110 section 8.4.1.3 wants `x-gzip` taken for `gzip`.
    private init?(name: Range<Int>, in bytes: Span<UInt8>) {
        if Ascii.equalsIgnoringCase(bytes, name, "gzip")
            || Ascii.equalsIgnoringCase(bytes, name, "x-gzip")
        {
            self = .gzip
        } else if Ascii.equalsIgnoringCase(bytes, name, "deflate") {
            self = .deflate
        } else if Ascii.equalsIgnoringCase(bytes, name, "identity") {
            self = .identity
        } else {
            return nil
        }
    }

    // MARK: Negotiation (RFC 9110 section 12.5.3)

    /// The coding of an answer: gzip when the client takes it and does not like identity better.
    /// Without the field, and when it is malformed, identity, which is always right to send.
    public static func negotiated(
        acceptEncoding value: Range<Int>?, in bytes: Span<UInt8>
    ) -> ContentCoding {
        guard let value else { return .identity }
        var gzip: Int?
        var identity: Int?
        var others: Int?
        Ascii.forEachElement(bytes, value) { element in
            var end = element.lowerBound
            while end < element.upperBound, bytes[end] != UInt8(ascii: ";") { end += 1 }
            let name = Ascii.trimmed(bytes, element.lowerBound..<end)
            guard let weight = weight(bytes, end..<element.upperBound) else { return }
            if name.count == 1, bytes[name.lowerBound] == UInt8(ascii: "*") {
                others = others ?? weight
                return
            }
            switch Self(name: name, in: bytes) {
            case .gzip: gzip = gzip ?? weight
            case .identity: identity = identity ?? weight
            case .deflate, nil: return
            }
        }
        guard let wanted = gzip ?? others, wanted > 0, wanted >= identity ?? 0 else {
            return .identity
        }
        return .gzip
    }

    /// The q-value in thousandths (RFC 9110 section 12.4.2), from what follows a name: nothing, or
    /// `;q=` and a number from 0 to 1 with at most three decimals. Nil when it is anything else.
    private static func weight(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
        guard !range.isEmpty else { return 1000 }
        let text = Ascii.trimmed(bytes, range.lowerBound + 1..<range.upperBound)
        guard text.count >= 3, text.count <= 7,
            Ascii.equalsIgnoringCase(bytes, text.lowerBound..<text.lowerBound + 2, "q=")
        else { return nil }
        var value = 0
        for (place, index) in (text.lowerBound + 2..<text.upperBound).enumerated() {
            let byte = bytes[index]
            if place == 1 {
                guard byte == UInt8(ascii: ".") else { return nil }
                continue
            }
            guard byte &- 0x30 < 10 else { return nil }
            value += Int(byte - 0x30) * scale(place)
        }
        return value <= 1000 ? value : nil
    }

    private static func scale(_ place: Int) -> Int {
        switch place {
        case 0: 1000
        case 2: 100
        case 3: 10
        default: 1
        }
    }
}
