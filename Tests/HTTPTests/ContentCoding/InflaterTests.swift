import HTTP
import Primitives
import Testing

private typealias Outcome = Result<[UInt8], ContentCodingRefusal>

private func inflate(
    _ body: [UInt8], _ coding: ContentCoding = .gzip, with inflater: Inflater
) -> Outcome {
    var output = ByteBuffer()
    output.append("before")
    do throws(ContentCodingRefusal) {
        try inflater.inflate(body.span, coding: coding, into: &output)
        output.consume(6)
        return .success(output.array)
    } catch {
        let text = output.text
        #expect(text == "before")
        return .failure(error)
    }
}

@Test func bodiesMadeByPythonAreRead() {
    let inflater = Inflater(limits: Limits())
    #expect(inflate(Bodies.python, with: inflater) == .success(Bodies.text))
    #expect(inflate(Bodies.pythonZlib, .deflate, with: inflater) == .success(Bodies.text))
    #expect(inflate(Bodies.everyField, with: inflater) == .success(Bodies.text))
    #expect(inflate(Bodies.text, .identity, with: inflater) == .success(Bodies.text))
    // The names are held to: one is not taken for the other.
    #expect(inflate(Bodies.python, .deflate, with: inflater) == .failure(.corrupt))
    #expect(inflate(Bodies.pythonZlib, .gzip, with: inflater) == .failure(.corrupt))
    // Raw deflate, which some clients send as `deflate`, is not the zlib wrapper.
    let raw = Array(Bodies.pythonZlib[2..<Bodies.pythonZlib.count - 4])
    #expect(inflate(raw, .deflate, with: inflater) == .failure(.corrupt))
    #expect(inflate(Bodies.python, with: inflater) == .success(Bodies.text))
}

@Test func everySizeMakesTheRoundTrip() {
    let inflater = Inflater(limits: Limits())
    for count in Array(0...300) + [4095, 4096, 4097, 65_535, 65_536, 262_143, 262_145, 3_000_000] {
        let body = Bodies.mixed(count, seed: UInt64(count))
        let isRead = inflate(Bodies.gzip(body), with: inflater) == .success(body)
        #expect(isRead, "\(count) bytes")
        if count < 70_000 {
            let isStoredRead = inflate(Bodies.stored(body), with: inflater) == .success(body)
            #expect(isStoredRead, "\(count) bytes, stored")
        }
    }
}

@Test func outputOfAnyCapacityIsFilled() {
    let inflater = Inflater(limits: Limits())
    let body = Bodies.mixed(20_000, seed: 7)
    let coded = Bodies.gzip(body)
    for capacity in [0, 1, 255, 4096, 19_999, 20_000, 20_001, 1 << 20] {
        var output = ByteBuffer(capacity: capacity)
        let isRead = (try? inflater.inflate(coded.span, coding: .gzip, into: &output)) != nil
        #expect(isRead)
        #expect(output.array == body)
    }
}

@Test func truncationIsNoticedAtEveryPosition() {
    let inflater = Inflater(limits: Limits())
    for count in 0..<Bodies.everyField.count {
        let part = Array(Bodies.everyField[..<count])
        #expect(inflate(part, with: inflater) == .failure(.truncated), "\(count) bytes")
    }
    for count in 0..<Bodies.pythonZlib.count {
        let part = Array(Bodies.pythonZlib[..<count])
        #expect(inflate(part, .deflate, with: inflater) == .failure(.truncated), "\(count) bytes")
    }
    let large = Bodies.gzip(Bodies.mixed(600_000, seed: 1))
    for count in stride(from: 0, to: large.count, by: 9973) {
        #expect(inflate(Array(large[..<count]), with: inflater) == .failure(.truncated))
    }
}

/// A changed byte is refused, except where it means nothing: flags of text, time, system, and the bits
/// of the last byte of the compressed data behind its end.
@Test func damageIsNoticedAtEveryPosition() {
    let inflater = Inflater(limits: Limits())
    for index in Bodies.python.indices {
        for bit in 0..<8 {
            var damaged = Bodies.python
            damaged[index] ^= 1 << UInt8(bit)
            switch inflate(damaged, with: inflater) {
            case .success(let body):
                let isMeaningless =
                    (3...9).contains(index) || index == Bodies.python.count - 9
                #expect(isMeaningless && body == Bodies.text, "byte \(index), bit \(bit)")
            case .failure(let refusal): #expect(refusal.status == 400 || refusal.status == 413)
            }
        }
    }
    for index in Bodies.pythonZlib.indices {
        for value in UInt8.min...UInt8.max where value != Bodies.pythonZlib[index] {
            var damaged = Bodies.pythonZlib
            damaged[index] = value
            guard case .success(let body) = inflate(damaged, .deflate, with: inflater) else {
                continue
            }
            // Adler-32 is weak on short bodies: some damage keeps it.
            #expect(Bodies.adler32(body) == Array(damaged.suffix(4)), "byte \(index) as \(value)")
        }
    }
    // The state is as good as new afterwards.
    #expect(inflate(Bodies.python, with: inflater) == .success(Bodies.text))
}

@Test func wrongChecksumAndLengthAreNoticed() {
    let inflater = Inflater(limits: Limits())
    for back in 1...8 {
        var damaged = Bodies.python
        damaged[damaged.count - back] ^= 0x10
        #expect(inflate(damaged, with: inflater) == .failure(.corrupt))
    }
    for back in 1...4 {
        var damaged = Bodies.pythonZlib
        damaged[damaged.count - back] ^= 0x10
        #expect(inflate(damaged, .deflate, with: inflater) == .failure(.corrupt))
    }
}

@Test func membersBehindEachOtherAreOneBody() {
    let inflater = Inflater(limits: Limits())
    let three = Bodies.python + Bodies.everyField + Bodies.gzip([])
    #expect(inflate(three, with: inflater) == .success(Bodies.text + Bodies.text))
    // RFC 1950 knows no members.
    let twice = Bodies.pythonZlib + Bodies.pythonZlib
    #expect(inflate(twice, .deflate, with: inflater) == .failure(.trailingBytes))
    // Cut anywhere in the second member; a cut at its start leaves one whole body.
    for count in 1..<Bodies.python.count {
        let part = Bodies.python + Bodies.python[..<count]
        #expect(inflate(part, with: inflater) == .failure(.truncated), "\(count) bytes")
    }
}

@Test func manyEmptyMembersAreTakenInLinearTime() {
    let inflater = Inflater(limits: Limits())
    let member = Bodies.stored([])
    var body: [UInt8] = []
    for _ in 0..<50_000 { body += member }
    #expect(inflate(body, with: inflater) == .success([]))
}

@Test(arguments: [
    [0], [0x1F, 0x8C], [0x20, 0x8B], Array("{}".utf8), Array(repeating: 0, count: 512),
])
func bytesBehindTheEndAreRefused(trailing: [UInt8]) {
    let inflater = Inflater(limits: Limits())
    #expect(inflate(Bodies.python + trailing, with: inflater) == .failure(.trailingBytes))
    let zlib = Bodies.pythonZlib + trailing
    #expect(inflate(zlib, .deflate, with: inflater) == .failure(.trailingBytes))
}

@Test func theLimitIsExact() {
    var limits = Limits()
    limits.decompressedBytesMax = 10_000
    let inflater = Inflater(limits: limits)
    let fitting = Bodies.mixed(10_000, seed: 3)
    #expect(inflate(Bodies.gzip(fitting), with: inflater) == .success(fitting))
    let larger = Bodies.gzip(fitting + [1])
    #expect(inflate(larger, with: inflater) == .failure(.tooLarge))
    // The limit holds for all members together.
    let members = Bodies.gzip(Array(fitting[..<6000])) + Bodies.gzip(Array(fitting[..<6000]))
    #expect(inflate(members, with: inflater) == .failure(.tooLarge))
}

@Test func aBombIsRefusedBeforeItIsAllocated() {
    // Members of 16 MiB of zeros each; 64 of them are 1 GiB.
    let piece = Bodies.gzip(Array(repeating: 0, count: 16 << 20))
    #expect(piece.count < 100_000)
    let inflater = Inflater(limits: Limits())
    var output = ByteBuffer()
    var refusal: ContentCodingRefusal?
    do throws(ContentCodingRefusal) {
        try inflater.inflate(piece.span, coding: .gzip, into: &output)
    } catch {
        refusal = error
    }
    #expect(refusal == .ratioTooHigh)
    let (count, small) = (output.count, output.capacity)
    #expect(count == 0)
    // Twice the piece times its ratio: 16 MiB in 70 KiB may become 14 MiB.
    #expect(small <= 2 * 200 * piece.count)

    var members: [UInt8] = []
    for _ in 0..<64 { members += piece }
    var large = ByteBuffer()
    do throws(ContentCodingRefusal) {
        try inflater.inflate(members.span, coding: .gzip, into: &large)
    } catch {
        refusal = error
    }
    #expect(refusal == .tooLarge)
    let capacity = large.capacity
    #expect(capacity <= 2 * Limits().decompressedBytesMax)
}

@Test func zerosBelowTheFreeBytesAreNoBomb() {
    let inflater = Inflater(limits: Limits())
    let zeros = [UInt8](repeating: 0, count: 4 << 20)
    let isRead = inflate(Bodies.gzip(zeros), with: inflater) == .success(zeros)
    #expect(isRead)
    let more = inflate(Bodies.gzip(zeros + [0]), with: inflater)
    #expect(more == .failure(.ratioTooHigh))
}

@Test func refusalsOfCodedBodiesHaveAStatusAndASentence() {
    for refusal in ContentCodingRefusal.allCases {
        #expect([400, 413, 415].contains(refusal.status))
        #expect(refusal.code.utf8CodeUnitCount > 0)
        #expect(refusal.message.utf8CodeUnitCount > 0)
    }
}

@Test func randomBytesNeverCrashTheInflater() {
    let inflater = Inflater(limits: Limits())
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<20_000 {
        var body = Bodies.everyField
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            body[Int.random(in: 0..<body.count, using: &generator)] = .random(
                in: 0...255, using: &generator)
        }
        let coding: ContentCoding = Bool.random(using: &generator) ? .gzip : .deflate
        if case .success(let text) = inflate(body, coding, with: inflater) {
            #expect(text == Bodies.text)
        }
    }
}
