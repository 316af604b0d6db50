import HTTP
import Primitives

/// Decodes any bytes as a chunked body, and checks that every split gives what a plain reading of the
/// grammar gives. Traps when it does not. Run by the fuzzer, and by HTTPTests on the corpus.
///
/// The first byte chooses the limit of the body, the rest is the coded body.
enum ChunkedDecoderExercise {
    static func run(_ bytes: Span<UInt8>) {
        guard bytes.count > 0 else { return }
        let bodyBytesMax = bytes[0] & 1 == 0 ? 1 << 20 : 40
        let coded = bytes.extracting(1...)
        let expected = Reading(coded, bodyBytesMax).outcome
        for size in [coded.count, 1, 2, 3, 7, Int(bytes[0]) + 1] {
            precondition(
                decode(coded, bodyBytesMax, pieces: size) == expected, "as the grammar says")
        }
        // With little room for sizes and extensions the answer may be a refusal, the same for each.
        let tight = decode(coded, bodyBytesMax, pieces: coded.count, overhead: 16)
        precondition(
            decode(coded, bodyBytesMax, pieces: 1, overhead: 16) == tight, "every split is the same"
        )
        precondition(
            tight == expected || tight == .refused(.badChunk), "the limit only ever refuses")
    }

    enum Outcome: Equatable {
        case needMore([UInt8])
        /// The body, and where what follows it begins.
        case done([UInt8], end: Int)
        case refused(HTTPRefusal)
    }

    private static func decode(
        _ coded: Span<UInt8>, _ bodyBytesMax: Int, pieces: Int, overhead: Int = 1 << 20
    ) -> Outcome {
        var decoder = ChunkedDecoder(overheadBytesMax: overhead)
        var buffer = ByteBuffer()
        var (read, write, start) = (0, 0, 0)
        while start < coded.count, !decoder.isDone {
            let end = min(start + max(pieces, 1), coded.count)
            buffer.append(coded.extracting(start..<end))
            start = end
            do throws(HTTPRefusal) {
                var span = buffer.mutableSpan
                (read, write) = try decoder.decode(
                    &span, read: read, write: write, bodyBytesMax: bodyBytesMax)
            } catch {
                return .refused(error)
            }
            precondition(write <= read && read <= buffer.count, "decoding goes forward")
            precondition(write == decoder.decodedBytes, "bytes are counted")
            precondition(decoder.isDone || read == buffer.count, "all that came is read")
        }
        let body = (0..<write).map { buffer.span[$0] }
        return decoder.isDone ? .done(body, end: read) : .needMore(body)
    }

    /// RFC 9112 section 7.1, read from front to back with everything there.
    private struct Reading {
        private let bytes: [UInt8]
        private let bodyBytesMax: Int
        private var position = 0
        private var body: [UInt8] = []
        private(set) var outcome = Outcome.needMore([])

        init(_ coded: Span<UInt8>, _ bodyBytesMax: Int) {
            bytes = coded.indices.map { coded[$0] }
            self.bodyBytesMax = bodyBytesMax
            do throws(Stop) {
                try read()
                outcome = .done(body, end: position)
            } catch {
                outcome = error == .end ? .needMore(body) : .refused(refusal(error))
            }
        }

        private enum Stop: Error { case end, malformed, tooLarge }

        private func refusal(_ stop: Stop) -> HTTPRefusal {
            stop == .tooLarge ? .bodyTooLarge : .badChunk
        }

        private mutating func read() throws(Stop) {
            while true {
                let size = try readSize()
                guard size <= bodyBytesMax - body.count else { throw .tooLarge }
                guard size > 0 else { break }
                body += bytes[position..<min(position + size, bytes.count)]
                guard position + size <= bytes.count else { throw .end }
                position += size
                try expect(0x0D)
                try expect(0x0A)
            }
            while try peek() != 0x0D {
                guard Ascii.isToken(try peek()) else { throw .malformed }
                try skipLine()
            }
            try expect(0x0D)
            try expect(0x0A)
        }

        private mutating func readSize() throws(Stop) -> Int {
            var size = 0
            guard Ascii.hexValue(try peek()) != nil else { throw .malformed }
            while let digit = Ascii.hexValue(try peek()) {
                guard size < 1 << 55 else { throw .malformed }
                size = size * 16 + Int(digit)
                position += 1
            }
            guard [0x0D, 0x3B, 0x20, 0x09].contains(try peek()) else { throw .malformed }
            try skipLine()
            return size
        }

        private mutating func skipLine() throws(Stop) {
            while Ascii.isFieldValue(try peek()) { position += 1 }
            try expect(0x0D)
            try expect(0x0A)
        }

        private func peek() throws(Stop) -> UInt8 {
            guard position < bytes.count else { throw .end }
            return bytes[position]
        }

        private mutating func expect(_ byte: UInt8) throws(Stop) {
            guard try peek() == byte else { throw .malformed }
            position += 1
        }
    }
}
