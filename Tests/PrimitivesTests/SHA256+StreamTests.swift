import Primitives
import Testing

/// Bytes without a pattern that a block of 64 could hide.
private func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 5) }
}

@Test(arguments: [0, 1, 3, 4, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 1_000])
func aStreamAndTheWholeGiveOneDigest(count: Int) {
    let all = bytes(count)
    let expected = SHA256.digest(all.span)
    for piece in [1, 2, 3, 4, 5, 7, 61, 64, 67, 5_000] {
        var stream = SHA256.Stream()
        var start = 0
        while start < count {
            let end = min(start + piece, count)
            stream.update(all.span.extracting(start..<end))
            start = end
        }
        #expect(stream.digest == expected, "\(count) bytes, \(piece) at a time")
        // Asking does not change the answer.
        #expect(stream.digest == expected)
    }
}

@Test func aDigestIsReadFromWhatHeadersWrite() {
    // The digest of "hello" (RFC 9530's notation, between colons there).
    let text = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
    let digest = SHA256.digest(Array("hello".utf8).span)
    #expect(SHA256.Digest(base64: Array(text.utf8).span) == digest)
    #expect(SHA256.Digest(hexadecimal: digest.description) == digest)
    for wrong in [
        "", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ", text + "=",
        "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCR=",
        "LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=",
    ] {
        #expect(SHA256.Digest(base64: Array(wrong.utf8).span) == nil, "\(wrong)")
    }
}
