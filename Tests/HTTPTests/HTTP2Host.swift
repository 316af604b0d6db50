import HTTP
import Primitives

/// A request as the loop would see it, as text.
struct HTTP2Seen: Equatable {
    var stream: Int32
    var line: String
    var host: String
    var fields: [String]
    var body: [UInt8]
    var trailers: [String]
    var refusal: HTTPRefusal?
}

/// A session with the loop's part around it: takes requests, and answers them at once unless told
/// to hold.
final class HTTP2Host {
    let session: HTTP2Session
    var now: UInt64 = 1_000
    var seen: [HTTP2Seen] = []
    var cancelled: [Int32] = []
    /// Whether the bodies of PUTs are streamed, and fetched as they come.
    var streamsPuts = false
    var fetchesPieces = true
    var pieces: [Int32: [UInt8]] = [:]
    var ended: [Int32] = []
    var refusedPieces: [Int32] = []
    /// Bytes a streamed body may have.
    var streamedBytesMax = 1 << 30
    /// Whether requests are answered at once, each with `answer`.
    var answersAtOnce = true
    var answer = Array("hello".utf8)
    /// The largest amounts ever seen.
    var bufferedBytesPeak = 0
    var outputPeak = 0
    private var head = RequestHead()
    private var bytes = ByteBuffer()

    init(limits: Limits = Limits(), allocator: HTTP2Allocator? = nil) {
        session = HTTP2Session(
            limits: limits, allocator: allocator ?? HTTP2Allocator(limits: limits))
    }

    init(upgrading settings: [UInt8], isHead: Bool) {
        session = HTTP2Session(
            limits: Limits(), allocator: HTTP2Allocator(limits: Limits()),
            upgrading: settings.span, isHead: isHead)
    }

    @discardableResult
    func receive(_ input: [UInt8]) -> Bool {
        let goesOn = session.receive(input.span, now: now)
        bufferedBytesPeak = max(bufferedBytesPeak, session.bufferedBytes)
        takeRequests()
        return goesOn
    }

    private func takeOffers() {
        while let stream = session.nextOffer(&head, &bytes) {
            if streamsPuts {
                pieces[stream] = []
                session.stream(stream, bytesMax: streamedBytesMax)
            } else {
                session.gather(stream)
            }
        }
        if fetchesPieces { fetch() }
    }

    /// Takes what came of streamed bodies.
    func fetch() {
        for stream in pieces.keys {
            let outcome = session.takeBody(stream) { span in
                for index in span.indices { pieces[stream]?.append(span[index]) }
            }
            switch outcome {
            case .more, .gone: break
            case .end:
                ended.append(stream)
                respond(stream, answer, isHead: false)
            case .refused(let refusal):
                refusedPieces.append(stream)
                respond(stream, status: refusal.status, [])
            }
        }
    }

    private func takeRequests() {
        takeOffers()
        while let request = session.nextRequest(&head, &bytes) { take(request) }
        while let stream = session.nextCancelled() { cancelled.append(stream) }
    }

    private func take(_ request: HTTP2Request) {
        seen.append(describe(request, head, bytes))
        if let refusal = request.refusal {
            respond(request.stream, status: refusal.status, [])
        } else if answersAtOnce {
            respond(request.stream, answer, isHead: head.method == .head)
        }
    }

    func respond(_ stream: Int32, status: Int = 200, _ bytes: [UInt8], isHead: Bool = false) {
        var body = ByteBuffer()
        body.append(bytes)
        let head = ResponseHead(
            status: status, contentType: "text/plain", contentLength: bytes.count)
        session.respond(stream, head, date: someDate, body: body, isHead: isHead)
    }

    /// What the session has to send, at most about so much.
    func output(atMost: Int = 1 << 30) -> [UInt8] {
        var buffer = ByteBuffer()
        session.output(into: &buffer, atMost: atMost, now: now)
        outputPeak = max(outputPeak, buffer.count)
        takeRequests()
        return copy(buffer)
    }

    /// Carries bytes both ways until neither side has any.
    func exchange(with client: HTTP2Client, chunk: Int = 1 << 16) {
        while true {
            let up = client.output()
            var position = 0
            while position < up.count {
                let end = min(position + chunk, up.count)
                receive(Array(up[position..<end]))
                position = end
            }
            let down = output(atMost: chunk)
            if !down.isEmpty { client.receive(down) }
            if up.isEmpty, down.isEmpty { return }
        }
    }
}

private func describe(
    _ request: HTTP2Request, _ head: RequestHead, _ bytes: borrowing ByteBuffer
) -> HTTP2Seen {
    let all = copy(bytes)
    func text(_ range: Range<Int>) -> String { String(decoding: all[range], as: UTF8.self) }
    let query = head.query.isEmpty ? "" : "?" + text(head.query)
    return HTTP2Seen(
        stream: request.stream, line: "\(head.method.name) \(text(head.path))\(query)",
        host: head.host.map(text) ?? "",
        fields: head.fields.map { "\(text($0.name)): \(text($0.value))" },
        body: Array(all[request.body]),
        trailers: request.trailers.map { "\(text($0.name)): \(text($0.value))" },
        refusal: request.refusal)
}

/// The readable bytes.
func copy(_ buffer: borrowing ByteBuffer) -> [UInt8] {
    buffer.span.withUnsafeBufferPointer { Array($0) }
}

let someDate: HTTPDate = {
    var date = HTTPDate()
    date.update(secondsSince1970: 784_111_777)
    return date
}()
