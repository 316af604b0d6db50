import Primitives
import Testing

private func digest(_ text: String) -> SHA256.Digest { SHA256.digest(Array(text.utf8).span) }

/// FIPS 180-4's examples (NIST, "SHA-256 Example").
@Test(arguments: [
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
])
func standardExamplesAreDigested(text: String, expected: String) throws {
    #expect(digest(text) == (try #require(SHA256.Digest(hexadecimal: expected))))
}

/// By Python's hashlib, of the bytes `(7 i + 3) mod 256`, around every edge of the padding.
@Test(arguments: [
    (
        0,
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    ),
    (
        1,
        "084fed08b978af4d7d196a7446a86b58009e636b611db16211b65a9aadff29c5"
    ),
    (
        3,
        "6ab0dba1f4f1dfbb37b4f9eeb092c09fca4900ad32bdcd147d8dde35d6c87c35"
    ),
    (
        55,
        "e7313d333c272e639f790978283f9eb392e843d0f29b7016828bb1daa4aac70b"
    ),
    (
        56,
        "4324d65f3c103567f5589c710bc08f8523f929a9272e3af36fc968e52abc6c27"
    ),
    (
        57,
        "35df609437dcfea3279283ab79fd554e2bf78f8f7ae2de532d8ee300b09e8f73"
    ),
    (
        63,
        "81c80242132f230c3bd41b3e63bbcff16107339549214a99614ff26664625055"
    ),
    (
        64,
        "39e3d7b6b5d075d37d053ad89b24b41bef4f3c29760c84447cab3f3be1882241"
    ),
    (
        65,
        "aacca6ff74fdbb296d165a45cecfa04e5127bc008770fbbdd48006f2d2fae95e"
    ),
    (
        119,
        "9ce7368e4daf32341631b492e80359dc9f594b48453cd0dd5bf0b19279cc177e"
    ),
    (
        120,
        "7836b787757e95e58b3ca5aec90b1b004e8deba1e50e9675af9cabf1a13a04b5"
    ),
    (
        128,
        "d2742f1f4ac6bb7ca2b239ee18402ba8b3f9f8e652d2a72973c2b9ba11c08cf6"
    ),
    (
        1000,
        "1e9bc38cbf860b9ec31918b065f9b52476c549a782e0e7990bed8ce3868d2371"
    ),
    (
        10000,
        "6e97d8601cb17906a4819e0fcc8d03150d3e4331353ecaa516c0084cadad54dd"
    ),
])
func lengthsAroundTheBlockAreDigested(count: Int, expected: String) throws {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7 + 3) }
    let expected = try #require(SHA256.Digest(hexadecimal: expected))
    #expect(SHA256.digest(bytes.span) == expected)
}

@Test func equalityIsOneOrZero() {
    let first = digest("a")
    #expect(first.equality(to: digest("a")) == 1)
    for text in ["b", "", "aa", "A"] { #expect(first.equality(to: digest(text)) == 0) }
    let zeros = String(repeating: "0", count: 64)
    // Digests that differ in one bit, at each end of each word.
    for place in [0, 15, 16, 31, 32, 47, 48, 63] {
        for digit in ["1", "8"] {
            var text = Array(zeros)
            text[place] = Character(digit)
            let one = SHA256.Digest(hexadecimal: String(text))
            #expect(one != nil && one != SHA256.Digest(hexadecimal: zeros))
        }
    }
}

@Test(arguments: [
    "", "00", String(repeating: "0", count: 63), String(repeating: "0", count: 65),
    String(repeating: "g", count: 64), String(repeating: "é", count: 32),
])
func whatIsNoDigestIsRefused(text: String) {
    #expect(SHA256.Digest(hexadecimal: text) == nil)
}

@Test func hexadecimalDigitsHaveAnyCase() {
    let lower = String(repeating: "ab", count: 32)
    #expect(SHA256.Digest(hexadecimal: lower) == SHA256.Digest(hexadecimal: lower.uppercased()))
}
