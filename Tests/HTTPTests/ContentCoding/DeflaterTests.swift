import HTTP
import Primitives
import Testing

@Test func answersMakeTheRoundTripAndAreDeterministic() throws {
    let limits = Limits()
    for level in 1...9 {
        let deflater = Deflater(limits: limits, level: level)
        let inflater = Inflater(limits: limits)
        for count in [1024, 5000, 100_000, 1_000_000] {
            let body = Bodies.mixed(count, seed: 5)
            var coded = ByteBuffer()
            coded.append("x")
            var again = ByteBuffer()
            let isSmaller = deflater.deflate(body.span, into: &coded)
            let isSmallerAgain = deflater.deflate(body.span, into: &again)
            #expect(isSmaller && isSmallerAgain)
            coded.consume(1)
            let isSame = coded.span.equals(again.span)
            #expect(isSame)
            var output = ByteBuffer()
            try inflater.inflate(coded.span, coding: .gzip, into: &output)
            let isRead = output.span.equals(body.span)
            #expect(isRead, "level \(level), \(count) bytes")
        }
    }
}

@Test func whatDoesNotGetSmallerIsLeftAlone() {
    let deflater = Deflater(limits: Limits())
    var generator = SystemRandomNumberGenerator()
    for count in [0, 1, 2, 10, 18, 100, 5000, 300_000] {
        let body = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
        var output = ByteBuffer()
        output.append("kept")
        let isSmaller = deflater.deflate(body.span, into: &output)
        let text = output.text
        #expect(!isSmaller, "\(count) bytes")
        #expect(text == "kept")
    }
}

@Test func smallAndHugeAnswersAreNotWorthCompressing() {
    let deflater = Deflater(limits: Limits())
    #expect(!deflater.isWorthwhile(byteCount: 1023))
    #expect(deflater.isWorthwhile(byteCount: 1024))
    #expect(deflater.isWorthwhile(byteCount: 2 << 20))
    #expect(!deflater.isWorthwhile(byteCount: (2 << 20) + 1))
}

/// The end may compress however it likes: the decision falls early, or at an eighth of the whole.
@Test func whatSavesLittleIsGivenUp() {
    let deflater = Deflater(limits: Limits())
    var generator = SystemRandomNumberGenerator()
    let noise = (0..<200_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
    let zeros = [UInt8](repeating: 0, count: 200_000)
    var output = ByteBuffer()
    let (first, second) = (noise + zeros, zeros + noise)
    let isTaken = deflater.deflate(first.span, into: &output)
    #expect(!isTaken)
    let isTakenAround = deflater.deflate(second.span, into: &output)
    #expect(isTakenAround)
    output.removeAll()
    let short = Array(noise[..<20_000] + zeros[..<2000])
    let isLittleTaken = deflater.deflate(short.span, into: &output)
    #expect(!isLittleTaken)
}

@Test func theHeaderHasNoTime() {
    let coded = Bodies.gzip(Array(repeating: 65, count: 2000))
    #expect(Array(coded[..<8]) == [0x1F, 0x8B, 8, 0, 0, 0, 0, 0])
}
