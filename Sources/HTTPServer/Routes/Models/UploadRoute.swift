import HTTP
import IO
import Models
import Primitives
import Serving

/// An upload whose bytes are arriving on a connection. Owned by its loop.
final class Upload {
    let identifier: UInt64
    let exchange: Exchange
    /// Bytes handed to the writer and not written yet.
    var waitingBytes = 0
    /// When something of it came, or was written, last; milliseconds of the loop's clock.
    var lastProgress: UInt64

    init(_ identifier: UInt64, _ exchange: Exchange, now: UInt64) {
        self.identifier = identifier
        self.exchange = exchange
        lastProgress = now
    }
}

/// `PUT /models/{name}/versions/{v}`: the body goes to the writer piece by piece.
extension ServerLoop {
    /// What becomes of a request whose head has come and whose body has not.
    enum Offer: Equatable {
        /// Its body comes whole, as that of any other request.
        case gather
        /// Its body comes in pieces, so many bytes at most.
        case stream(Int)
        /// It is answered already; the body is not wanted.
        case answered
    }

    /// Looks at the head of a PUT before its body is read.
    func consider(_ connection: Connection, _ bytes: Span<UInt8>, stream: Int32?) -> Offer {
        let match = Router.match(bytes, path: head.path, query: head.query)
        guard match.route == .version else { return .gather }
        var notes = ExchangeNotes(
            route: match.route, isHead: false, isHTTP10: head.minorVersion == 0,
            keepsAlive: head.keepsAlive || stream != nil)
        if crossOrigin.isOn { notes.origin = originIndex(bytes) }
        do throws(Refusal) {
            let order = try order(connection, match, bytes)
            let exchange = begin(connection, notes, stream: stream)
            beginTrace(connection, exchange, bytes, bodyBytes: head.contentLength ?? 0)
            beginUpload(connection, exchange, order)
            return .stream(limits.modelBytesMax)
        } catch {
            // What the client sends is not read: an HTTP/1.1 connection ends with the answer.
            if stream == nil { notes = notes.closing }
            let exchange = begin(connection, notes, stream: stream)
            beginTrace(connection, exchange, bytes, bodyBytes: 0)
            answer(connection, exchange, error)
            return .answered
        }
    }

    /// An upload as its head describes it; the address is filled in when it begins.
    private struct Order {
        let identifier: UInt64
        let model: String
        let version: String
        let fileName: String
        let expected: SHA256.Digest?
        let loads: Bool
        let writer: UploadWriter
    }

    private func order(
        _ connection: Connection, _ match: RouteMatch, _ bytes: Span<UInt8>
    ) throws(Refusal) -> Order {
        let decision = access.policy.decide(
            scope: match.route.scope(head.method), authorization: head.authorization, in: bytes,
            clientSubject: connection.clientSubject)
        if let refusal = decision.refusal { throw refusal }
        try checkManagement(connection, bytes)
        let model = try name(match.model, bytes)
        guard let version = try version(match.version, bytes) else {
            throw Refusal(404, "version_not_found", "name a version, such as 3")
        }
        if let length = head.contentLength, length > limits.modelBytesMax {
            throw Refusal(HTTPRefusal.bodyTooLarge)
        }
        if let coding = head.contentEncoding,
            !Ascii.equalsIgnoringCase(bytes, coding, "identity")
        {
            throw Refusal(
                415, "unsupported_content_encoding", "an upload comes without content coding")
        }
        let expected = try expectedDigest(bytes)
        guard let writer = management.writer, let fileName = management.uploadFileName else {
            throw Refusal(403, "uploads_off", "this server's models folder takes no uploads")
        }
        guard let identifier = writer.admit() else {
            throw Refusal(
                503, "too_many_requests_waiting",
                "\(limits.uploadsMax) uploads are under way, as many as may", retryAfterSeconds: 5)
        }
        return Order(
            identifier: identifier, model: model, version: version, fileName: fileName,
            expected: expected, loads: match.loads, writer: writer)
    }

    /// The SHA-256 that the client announces: `Content-Digest: sha-256=:…:` (RFC 9530 section 2), or
    /// `X-Checksum-Sha256` with hexadecimal digits.
    private func expectedDigest(_ bytes: Span<UInt8>) throws(Refusal) -> SHA256.Digest? {
        if let value = head.value(of: "x-checksum-sha256", in: bytes) {
            let text = Router.decoded(bytes, value).map { String(decoding: $0, as: UTF8.self) }
            guard let text, let digest = SHA256.Digest(hexadecimal: text) else {
                throw Refusal(
                    400, "bad_checksum", "X-Checksum-Sha256 is to be 64 hexadecimal digits")
            }
            return digest
        }
        guard let value = head.value(of: "content-digest", in: bytes) else { return nil }
        let key: StaticString = "sha-256=:"
        let length = key.utf8CodeUnitCount
        var start = value.lowerBound
        // Other algorithms may stand beside it; what is not known is left aside (section 2).
        while start + length <= value.upperBound {
            if Ascii.equalsIgnoringCase(bytes, start..<start + length, key) {
                let first = start + length
                guard first + 44 < value.upperBound, bytes[first + 44] == UInt8(ascii: ":"),
                    let digest = SHA256.Digest(
                        base64: bytes.extracting(first..<first + 44))
                else {
                    throw Refusal(
                        400, "bad_checksum", "Content-Digest is to be sha-256=:BASE64: (RFC 9530)")
                }
                return digest
            }
            start += 1
        }
        return nil
    }

    private func beginUpload(_ connection: Connection, _ exchange: Exchange, _ order: Order) {
        let upload = Upload(order.identifier, exchange, now: now)
        connection.uploads.append(upload)
        order.writer.send(
            .begin(
                UploadOrder(
                    identifier: order.identifier, model: order.model, version: order.version,
                    fileName: order.fileName, expected: order.expected, loads: order.loads,
                    address: address(connection, exchange))))
    }

    // MARK: Bytes

    /// Hands a piece to the writer. Copies it: the connection's buffer is used again.
    func take(_ piece: Span<UInt8>, of upload: Upload) {
        upload.lastProgress = now
        upload.waitingBytes += piece.count
        management.writer?.send(.piece(upload.identifier, Array(copying: piece)))
    }

    /// The whole body was handed over; the answer comes from the writer or the loader.
    func finish(_ connection: Connection, _ upload: Upload) {
        management.writer?.send(.end(upload.identifier))
        connection.uploads.removeAll { $0 === upload }
    }

    /// The body is not what it should be, or comes too slowly.
    func fail(_ connection: Connection, _ upload: Upload, _ refusal: Refusal) {
        management.writer?.send(.abandon(upload.identifier))
        connection.uploads.removeAll { $0 === upload }
        var exchange = upload.exchange
        if connection.http2 == nil {
            exchange.notes = exchange.notes.closing
            connection.lastSequence = exchange.sequence
        }
        answer(connection, exchange, refusal)
    }

    /// The writer answered before the body was there: a disk that is full, say.
    func endUpload(_ connection: Connection, _ exchange: Exchange) {
        guard
            let index = connection.uploads.firstIndex(where: {
                $0.exchange.sequence == exchange.sequence
            })
        else { return }
        connection.uploads.remove(at: index)
        // The rest of the body is not read.
        if connection.http2 == nil { connection.lastSequence = exchange.sequence }
    }

    /// The client left.
    func abandonUploads(_ connection: Connection) {
        for upload in connection.uploads { management.writer?.send(.abandon(upload.identifier)) }
        connection.uploads.removeAll()
    }

    /// The writer made room.
    func uploadWritten(_ token: UInt64, _ sequence: UInt32, _ byteCount: Int) {
        guard let connection = connections[token],
            let upload = connection.uploads.first(where: { $0.exchange.sequence == sequence })
        else { return }
        upload.waitingBytes -= byteCount
        upload.lastProgress = now
        guard upload.waitingBytes < limits.uploadBufferedBytesMax / 2 else { return }
        if let http2 = connection.http2 {
            takeStreamed(connection, http2)
            markDirty(connection)
        } else if !connection.isResuming {
            connection.isResuming = true
            resuming.append(connection)
        }
        settle(connection)
    }

    func isFull(_ upload: Upload) -> Bool { upload.waitingBytes >= limits.uploadBufferedBytesMax }

    // MARK: Answers

    /// 201, and where the version is.
    func answerStored(
        _ connection: Connection, _ exchange: Exchange, _ model: RegisteredModel, _ version: String
    ) {
        body.removeAll()
        body.append(json: .object(Self.summary(model)))
        body.append("\n")
        answer(connection, exchange, status: 201)
    }
}
