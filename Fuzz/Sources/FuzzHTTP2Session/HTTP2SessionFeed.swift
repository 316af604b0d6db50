import HTTP
import Primitives

extension HTTP2SessionExercise {
    /// A session with the loop's part around it, which checks what the session says of itself.
    final class Feed {
        private let session: HTTP2Session
        private let limits: Limits
        private var head = RequestHead()
        private var bytes = ByteBuffer()
        private var output = HTTP2OutputCheck()
        /// Streams that were handed out and are neither answered nor cancelled.
        private var owed: Set<Int32> = []
        private var refused: Set<Int32> = []
        /// Requests in full, without those that were cancelled.
        private(set) var requests: [Int32: [UInt8]] = [:]
        private var answeredCount = 0
        var answerBytes = 5

        init(_ limits: Limits, isUpgraded: Bool, allocator: HTTP2Allocator? = nil) {
            self.limits = limits
            let allocator = allocator ?? HTTP2Allocator(limits: limits)
            guard isUpgraded else {
                session = HTTP2Session(limits: limits, allocator: allocator)
                return
            }
            let settings: [UInt8] = [0, 4, 0, 0, 0, 100]
            session = HTTP2Session(
                limits: limits, allocator: allocator, upgrading: settings.span, isHead: false)
            owed.insert(1)
            requests[1] = []
            output.begin(1)
        }

        func receive(_ piece: ArraySlice<UInt8>, now: UInt64) {
            let input = Array(piece)
            let goesOn = session.receive(input.span, now: now)
            take()
            if goesOn { precondition(session.wantsRead, "a session that goes on reads") }
        }

        private func take() {
            while let request = session.nextRequest(&head, &bytes) { take(request) }
            while let stream = session.nextCancelled() {
                precondition(owed.remove(stream) != nil, "what is cancelled was owed")
                requests[stream] = nil
            }
            check()
        }

        private func take(_ request: HTTP2Request) {
            precondition(owed.insert(request.stream).inserted, "a request is handed out once")
            precondition(requests[request.stream] == nil, "and its number is new")
            precondition(request.stream % 2 == 1, "clients have odd numbers")
            output.begin(request.stream)
            var log: [UInt8] = []
            let all = Self.copy(bytes)
            func add(_ range: Range<Int>) {
                precondition(range.upperBound <= all.count, "ranges are in the bytes")
                log.append(UInt8(truncatingIfNeeded: range.count))
                log += all[range]
            }
            if let refusal = request.refusal {
                refused.insert(request.stream)
                log.append(UInt8(truncatingIfNeeded: refusal.status))
                precondition(refusal.status >= 400, "a refusal is an error")
            } else {
                precondition(head.fields.count + request.trailers.count <= limits.headerCountMax)
                precondition(request.body.count <= limits.bodyBytesMax, "a body is limited")
                // That of CONNECT is a host, which the header's limit holds.
                precondition(
                    head.method == .connect || head.path.count <= limits.targetBytesMax,
                    "a target is limited")
                precondition(head.host != nil, "a request has a host")
                add(head.path)
                add(head.query)
                for field in head.fields + request.trailers {
                    add(field.name)
                    add(field.value)
                }
                add(request.body)
                if let length = head.contentLength {
                    precondition(length == request.body.count, "a body has its length")
                }
            }
            requests[request.stream] = log
        }

        private static func copy(_ buffer: borrowing ByteBuffer) -> [UInt8] {
            buffer.span.withUnsafeBufferPointer { Array($0) }
        }

        func answerAll() {
            for stream in owed.sorted() {
                var body = ByteBuffer()
                if !refused.contains(stream) {
                    body.append(Array(repeating: UInt8(ascii: "a"), count: answerBytes))
                }
                let head = ResponseHead(
                    status: refused.contains(stream) ? 400 : 200, contentType: "text/plain",
                    contentLength: body.count)
                if stream % 4 == 3, !refused.contains(stream) {
                    var trailers = HTTPFieldList()
                    trailers.append("x-end", decimal: Int(stream))
                    session.respond(stream, head, date: HTTPDate(), body: body, trailers: trailers)
                } else {
                    session.respond(stream, head, date: HTTPDate(), body: body)
                }
                answeredCount += 1
                owed.remove(stream)
            }
            take()
        }

        func send(atMost: Int, now: UInt64) {
            var buffer = ByteBuffer()
            session.output(into: &buffer, atMost: atMost, now: now)
            // One frame more than asked for, at most; answers have one kilobyte of head, or two.
            precondition(buffer.count <= atMost + 16_384 + 9 + 2_048, "output is as much as asked")
            output.take(buffer.span)
            take()
        }

        func checkExpiry(now: UInt64) {
            if let due = session.nextExpiry, due <= now {
                session.expire(now: now)
                take()
                if let later = session.nextExpiry {
                    precondition(later > now || !session.wantsRead, "what was due is done")
                }
            }
        }

        private func check() {
            precondition(session.outstandingCount == owed.count, "what is handed out is owed")
            precondition(session.bufferedBytes >= 0, "no more is given back than was kept")
            precondition(
                session.bufferedBytes
                    <= min(limits.http2BufferedBytesMax, limits.http2LoopBufferedBytesMax),
                "what is kept is limited")
            precondition(session.pendingAnswerBytes >= 0 && session.pendingAnswerCount >= 0)
            precondition(session.incompleteCount >= 0 && session.lingeringCount >= 0)
            precondition(
                session.incompleteCount + session.lingeringCount <= limits.http2StreamsMax + 1,
                "streams are limited")
            precondition(!session.isIdle || session.pendingAnswerCount == 0)
        }

        /// Whoever sent more cheap frames than the budget has, counting all that was earned, is gone.
        func checkBudget(_ stream: [UInt8], elapsed: UInt64) {
            var (position, cheap) = (24, 0)
            while position + 9 <= stream.count {
                // DATA is paid by its bytes; an acknowledgement of nothing ends the connection.
                if stream[position + 3] != 0 { cheap += 1 }
                position += 9 + Int(stream[position + 2])
            }
            let earned =
                answeredCount * 4 + answeredCount * answerBytes / 1000
                + Int(elapsed) * limits.http2ControlFramesPerSecond / 1000
            if cheap > limits.http2ControlFramesMax + earned + 1 {
                precondition(!session.wantsRead, "floods end")
            }
        }

        /// Answers what is owed, and ends.
        func finish(now: UInt64) {
            answerAll()
            precondition(session.outstandingCount == 0, "every request is answered or cancelled")
            for _ in 0..<100 where session.wantsWrite { send(atMost: 1 << 20, now: now) }
            precondition(!session.wantsWrite, "output ends")
            var hits = 0
            while session.nextLimitHit() != nil { hits += 1 }
            precondition(hits <= 10_000, "hits are counted once")
            session.end(.noError)
            for _ in 0..<100 where session.wantsWrite { send(atMost: 1 << 20, now: now) }
            precondition(session.isFinished, "an ended session is finished")
        }
    }
}

/// Frames that a server sent: whole, on streams that were begun, and none behind a stream's end.
struct HTTP2OutputCheck {
    private var rest: [UInt8] = []
    private var begun: Set<Int32> = []
    private var ended: Set<Int32> = []
    private var isOver = false

    mutating func begin(_ stream: Int32) { begun.insert(stream) }

    mutating func take(_ bytes: Span<UInt8>) {
        for index in bytes.indices { rest.append(bytes[index]) }
        var position = 0
        while position + 9 <= rest.count {
            let count =
                Int(rest[position]) << 16 | Int(rest[position + 1]) << 8
                | Int(rest[position + 2])
            precondition(count <= 16_384, "a frame has at most what the client takes")
            guard position + 9 + count <= rest.count else { break }
            check(Array(rest[position..<position + 9 + count]))
            position += 9 + count
        }
        rest.removeFirst(position)
    }

    private mutating func check(_ frame: [UInt8]) {
        precondition(!isOver, "nothing follows an error's GOAWAY")
        let stream = frame[5..<9].reduce(Int32(0)) { $0 << 8 | Int32($1) }
        switch frame[3] {
        case 0, 1:
            precondition(stream > 0 && !ended.contains(stream), "a stream ends once")
            if frame[3] == 0 { precondition(begun.contains(stream), "answers are asked for") }
            if frame[4] & 1 != 0 { ended.insert(stream) }
        case 3: ended.insert(stream)
        case 4, 6: precondition(stream == 0, "settings and pings are the connection's")
        case 7:
            let code = frame[13..<17].reduce(0) { $0 << 8 | Int($1) }
            if code != 0 { isOver = true }
        case 8: break
        default: preconditionFailure("a server sends no such frame")
        }
    }
}
