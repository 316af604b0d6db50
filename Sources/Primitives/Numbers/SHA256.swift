/// SHA-256 (FIPS 180-4 section 6.2) of bytes that are all there. About 5 ns a byte; no allocation.
public enum SHA256 {
    /// The digest as four big-endian words.
    public struct Digest: Sendable, Hashable {
        public let words: (UInt64, UInt64, UInt64, UInt64)

        init(_ words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

        /// Reads 64 hexadecimal digits; nil when it is anything else.
        public init?(hexadecimal text: String) {
            var words = InlineArray<4, UInt64>(repeating: 0)
            var count = 0
            for byte in text.utf8 {
                guard count < 64, let digit = Self.value(byte) else { return nil }
                words[count / 16] = words[count / 16] << 4 | digit
                count += 1
            }
            guard count == 64 else { return nil }
            self.init((words[0], words[1], words[2], words[3]))
        }

        private static func value(_ byte: UInt8) -> UInt64? {
            switch byte {
            case 0x30...0x39: UInt64(byte - 0x30)
            case 0x41...0x46: UInt64(byte - 0x41 + 10)
            case 0x61...0x66: UInt64(byte - 0x61 + 10)
            default: nil
            }
        }

        /// 1 when both are the same, else 0, in the same time for any two digests.
        @inline(__always)
        public func equality(to other: Digest) -> UInt64 {
            let difference =
                (words.0 ^ other.words.0) | (words.1 ^ other.words.1) | (words.2 ^ other.words.2)
                | (words.3 ^ other.words.3)
            return 1 &- (difference | (0 &- difference)) >> 63
        }

        public static func == (left: Digest, right: Digest) -> Bool {
            left.equality(to: right) == 1
        }

        public func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
    }

    /// Section 5.3.3.
    static let initialState: SIMD8<UInt32> = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c,
        0x1f83_d9ab, 0x5be0_cd19,
    ]

    /// The digest of all of `bytes`.
    public static func digest(_ bytes: Span<UInt8>) -> Digest {
        var state = initialState
        var block = InlineArray<16, UInt32>(repeating: 0)
        // Section 5.1.1: a one bit, zeros, and the length in bits in the last 8 bytes.
        let blockCount = (bytes.count + 8) / 64 + 1
        for number in 0..<blockCount {
            for word in 0..<16 {
                var value: UInt32 = 0
                for index in number * 64 + word * 4..<number * 64 + word * 4 + 4 {
                    let byte: UInt8 =
                        index < bytes.count ? bytes[index] : index == bytes.count ? 0x80 : 0
                    value = value << 8 | UInt32(byte)
                }
                block[word] = value
            }
            if number == blockCount - 1 {
                let bitCount = UInt64(bytes.count) << 3
                block[14] = UInt32(truncatingIfNeeded: bitCount >> 32)
                block[15] = UInt32(truncatingIfNeeded: bitCount)
            }
            compress(&block, &state)
        }
        return digest(of: state)
    }

    static func digest(of state: SIMD8<UInt32>) -> Digest {
        func pair(_ index: Int) -> UInt64 {
            UInt64(state[index]) << 32 | UInt64(state[index + 1])
        }
        return Digest((pair(0), pair(2), pair(4), pair(6)))
    }

    @inline(__always)
    private static func rotated(_ value: UInt32, _ count: UInt32) -> UInt32 {
        value &>> count | value &<< (32 &- count)
    }

    /// Section 6.2.2; the schedule is made in place, sixteen words at a time.
    static func compress(
        _ block: inout InlineArray<16, UInt32>, _ state: inout SIMD8<UInt32>
    ) {
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        var (e, f, g, h) = (state[4], state[5], state[6], state[7])
        for round in 0..<64 {
            if round >= 16 {
                let early = block[(round + 1) & 15]
                let late = block[(round + 14) & 15]
                let low = rotated(early, 7) ^ rotated(early, 18) ^ early &>> 3
                let high = rotated(late, 17) ^ rotated(late, 19) ^ late &>> 10
                block[round & 15] &+= low &+ block[(round + 9) & 15] &+ high
            }
            let high = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)
            let choice = e & f ^ ~e & g
            let first = h &+ high &+ choice &+ constants[round] &+ block[round & 15]
            let low = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)
            let majority = a & b ^ a & c ^ b & c
            (h, g, f, e) = (g, f, e, d &+ first)
            (d, c, b, a) = (c, b, a, first &+ low &+ majority)
        }
        state = state &+ SIMD8(a, b, c, d, e, f, g, h)
    }

    /// Section 4.2.2: the fractions of the cube roots of the first 64 primes.
    private static let constants: InlineArray<64, UInt32> = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1,
        0x923f_82a4, 0xab1c_5ed5, 0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3,
        0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174, 0xe49b_69c1, 0xefbe_4786,
        0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
        0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147,
        0x06ca_6351, 0x1429_2967, 0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13,
        0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85, 0xa2bf_e8a1, 0xa81a_664b,
        0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
        0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a,
        0x5b9c_ca4f, 0x682e_6ff3, 0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208,
        0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
    ]
}
