import Primitives

/// What a refused client is given and may send back: when it is to return, under the server's seal.
///
/// As text, 32 hexadecimal digits: the time and the seal. Who makes seals decides what they cover.
public struct RetryTicket: Sendable, Equatable {
    /// Milliseconds of the server's clock.
    public let due: UInt64
    public let seal: UInt64

    public init(due: UInt64, seal: UInt64) {
        self.due = due
        self.seal = seal
    }

    /// Reads the text; nil when it is none.
    public init?(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        guard range.count == 32 else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        for index in range {
            guard let digit = Ascii.hexValue(bytes[index]) else { return nil }
            words.0 = words.0 << 4 | words.1 >> 60
            words.1 = words.1 << 4 | UInt64(digit)
        }
        self.init(due: words.0, seal: words.1)
    }

    /// Does not allocate.
    public var text: InlineArray<32, UInt8> {
        var text = InlineArray<32, UInt8>(repeating: 0)
        for index in 0..<32 {
            let word = index < 16 ? due : seal
            let digit = UInt8(truncatingIfNeeded: word >> UInt64(60 - index % 16 * 4) & 15)
            text[index] = digit < 10 ? 0x30 + digit : 0x57 + digit
        }
        return text
    }
}
