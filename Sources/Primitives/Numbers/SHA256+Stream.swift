extension SHA256 {
    /// The digest of bytes that come a piece at a time. Holds a block of 64 bytes, whatever the length.
    public struct Stream: Sendable {
        private var state = SHA256.initialState
        private var block = InlineArray<16, UInt32>(repeating: 0)
        private var byteCount: UInt64 = 0

        public init() {}

        /// Takes in the next bytes.
        public mutating func update(_ bytes: Span<UInt8>) {
            var index = 0
            // Whole words where the block is at a word's start; single bytes at the ragged ends.
            while index < bytes.count {
                let place = Int(byteCount & 63)
                if place & 3 == 0, bytes.count - index >= 4 {
                    block[place >> 2] = bytes.littleEndian(at: index, as: UInt32.self).byteSwapped
                    index += 4
                    byteCount &+= 4
                } else {
                    put(bytes[index])
                    index += 1
                    byteCount &+= 1
                }
                if byteCount & 63 == 0 { compressBlock() }
            }
        }

        private mutating func put(_ byte: UInt8) {
            let place = Int(byteCount & 63)
            let shift = UInt32(24 - (place & 3) * 8)
            let kept: UInt32 = place & 3 == 0 ? 0 : block[place >> 2]
            block[place >> 2] = kept | UInt32(byte) << shift
        }

        private mutating func compressBlock() { SHA256.compress(&block, &state) }

        /// The digest of everything that came; the stream is not changed.
        public var digest: Digest {
            var last = self
            let bitCount = byteCount << 3
            // Section 5.1.1: a one bit, zeros, and the length in bits in the last 8 bytes.
            last.put(0x80)
            last.byteCount &+= 1
            while last.byteCount & 63 != 56 {
                if last.byteCount & 63 == 0 { last.compressBlock() }
                last.put(0)
                last.byteCount &+= 1
            }
            last.block[14] = UInt32(truncatingIfNeeded: bitCount >> 32)
            last.block[15] = UInt32(truncatingIfNeeded: bitCount)
            last.compressBlock()
            return SHA256.digest(of: last.state)
        }
    }
}

extension SHA256.Digest: CustomStringConvertible {
    /// 64 hexadecimal digits.
    public var description: String {
        var text = ""
        for word in [words.0, words.1, words.2, words.3] {
            let digits = String(word, radix: 16)
            text += String(repeating: "0", count: 16 - digits.utf8.count) + digits
        }
        return text
    }

    /// Reads 44 digits of base64 (RFC 4648 section 4), as header fields write digests; nil when it is
    /// anything else.
    public init?(base64 text: Span<UInt8>) {
        guard text.count == 44, text[43] == UInt8(ascii: "=") else { return nil }
        var words = InlineArray<4, UInt64>(repeating: 0)
        var bits: UInt32 = 0
        var bitCount = 0
        var count = 0
        for index in 0..<43 {
            guard let value = Self.base64Value(text[index]) else { return nil }
            bits = bits << 6 | UInt32(value)
            bitCount += 6
            guard bitCount >= 8 else { continue }
            bitCount -= 8
            words[count / 8] = words[count / 8] << 8 | UInt64(bits >> UInt32(bitCount) & 0xFF)
            count += 1
            bits &= (1 << UInt32(bitCount)) - 1
        }
        // 43 digits are 258 bits: the last two are no part of it.
        guard count == 32, bits == 0 else { return nil }
        self.init((words[0], words[1], words[2], words[3]))
    }

    private static func base64Value(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x41...0x5A: byte - 0x41
        case 0x61...0x7A: byte - 0x61 + 26
        case 0x30...0x39: byte - 0x30 + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
