import IO
import Primitives
import TLS

/// One request at a time to a server's management API, over HTTP/1.1, with TLS or without.
struct ManagementClient {
    /// A server that answered, or why there is no answer.
    struct Failure: Error {
        let message: String
    }

    struct Answer {
        let status: Int
        let body: [UInt8]

        var json: JSONValue? { try? JSONValue(parsing: body.span) }
    }

    private enum Place {
        case tcp(host: String, port: UInt16)
        case unix(String)
    }

    private let place: Place
    /// As `Host` says it.
    private let host: String
    private let tls: TLSClientContext?
    private let token: String?
    private let timeoutSeconds: Int
    private static let answerBytesMax = 64 << 20

    /// `http://HOST[:PORT]`, `https://HOST[:PORT]` or `unix:PATH`; nil when it is none of these. `tls` is
    /// asked for only where it is needed.
    init?(
        server: String, token: String?, tls: () -> TLSClientContext, timeoutSeconds: Int = 600
    ) {
        self.token = token
        self.timeoutSeconds = timeoutSeconds
        if server.hasPrefix("unix:") {
            place = .unix(String(server.dropFirst(5)))
            host = "localhost"
            self.tls = nil
            return
        }
        let isTLS = server.hasPrefix("https://")
        guard isTLS || server.hasPrefix("http://") else { return nil }
        var rest = server.dropFirst(isTLS ? 8 : 7)
        while rest.hasSuffix("/") { rest = rest.dropLast() }
        guard !rest.contains("/"), !rest.isEmpty else { return nil }
        let hasPort = rest.hasPrefix("[") ? rest.contains("]:") : rest.contains(":")
        guard
            let address = ListenAddress(
                parsing: hasPort ? String(rest) : "\(rest):\(isTLS ? 443 : 80)")
        else { return nil }
        place = .tcp(host: address.host, port: address.port)
        host = String(rest)
        self.tls = isTLS ? tls() : nil
    }

    /// Asks, and waits for the answer: loading a large model takes its time.
    func ask(_ method: String, _ target: String, body: String = "") throws(Failure) -> Answer {
        let wire = try connect()
        var request = head(method, target, length: body.utf8.count)
        if !body.isEmpty { request.append("Content-Type: application/json\r\n") }
        request.append("\r\n")
        request.append(body)
        try wire.send(request.span)
        return try receive(wire)
    }

    /// Sends a file, with its checksum. The server is asked first whether it wants it.
    func upload(_ path: String, to target: String) throws(Failure) -> Answer {
        let (length, digest) = try measure(path)
        var file = try open(path)
        let wire = try connect()
        var request = head("PUT", target, length: length)
        request.append("Content-Type: application/octet-stream\r\n")
        request.append("X-Checksum-Sha256: \(digest)\r\nExpect: 100-continue\r\n\r\n")
        try wire.send(request.span)
        var early = ByteBuffer()
        guard try isWanted(wire, &early, withinMilliseconds: 5_000) else {
            return try receive(wire, early)
        }
        var piece = ByteBuffer(capacity: 1 << 20)
        while try read(&file, into: &piece) {
            do throws(Failure) {
                try wire.send(piece.span)
            } catch {
                // A server that refuses closes its end: its answer says why.
                guard wire.isReadable(withinMilliseconds: 1_000) else { throw error }
                return try receive(wire, early)
            }
            piece.removeAll()
        }
        return try receive(wire, early)
    }

    private func open(_ path: String) throws(Failure) -> FileReader {
        do throws(SystemError) {
            return try FileReader(path: path)
        } catch {
            throw Failure(message: error.description)
        }
    }

    private func measure(_ path: String) throws(Failure) -> (Int, SHA256.Digest) {
        do throws(SystemError) {
            guard let stamp = FileStamp(path: path) else {
                throw SystemError(call: "open \(path)", 2)
            }
            let digest = try FileSystem.digest(of: path, byteCountMax: Limits().modelBytesMax)
            return (Int(stamp.byteCount), digest)
        } catch {
            throw Failure(message: error.description)
        }
    }

    private func read(
        _ file: inout FileReader, into piece: inout ByteBuffer
    ) throws(Failure) -> Bool {
        do throws(SystemError) {
            return try file.read(into: &piece, byteCountMax: 1 << 20)
        } catch {
            throw Failure(message: error.description)
        }
    }

    private func connect() throws(Failure) -> ManagementWire {
        let name: String
        let socket: ClientSocket
        do throws(SystemError) {
            switch place {
            case .tcp(let host, let port):
                name = host
                socket = try ClientSocket(host: host, port: port, timeoutSeconds: timeoutSeconds)
            case .unix(let path):
                name = path
                socket = try ClientSocket(unixPath: path, timeoutSeconds: timeoutSeconds)
            }
        } catch {
            throw Failure(message: error.description)
        }
        return try ManagementWire(socket, tls, name: name)
    }

    private func head(_ method: String, _ target: String, length: Int) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.append("\(method) \(target) HTTP/1.1\r\nHost: \(host)\r\n")
        buffer.append("Content-Length: \(length)\r\nConnection: close\r\n")
        if let token { buffer.append("Authorization: Bearer \(token)\r\n") }
        return buffer
    }

    /// Whether `100 Continue` came, or nothing at all (RFC 9110 section 10.1.1: then it is sent anyway).
    /// What came is put behind `buffer`.
    private func isWanted(
        _ wire: ManagementWire, _ buffer: inout ByteBuffer, withinMilliseconds milliseconds: UInt64
    ) throws(Failure) -> Bool {
        let end = MonotonicClock.nanoseconds + milliseconds * 1_000_000
        while buffer.isEmpty {
            let now = MonotonicClock.nanoseconds
            guard now < end, wire.isReadable(withinMilliseconds: Int32((end - now) / 1_000_000))
            else { return true }
            guard try wire.receive(into: &buffer) else { return false }
        }
        return buffer.text.hasPrefix("HTTP/1.1 100")
    }

    /// The answer, which may have begun with `early`.
    private func receive(
        _ wire: ManagementWire, _ early: borrowing ByteBuffer = ByteBuffer()
    ) throws(Failure) -> Answer {
        var buffer = ByteBuffer()
        buffer.append(early.span)
        // The server closes behind its answer.
        while try wire.receive(into: &buffer), buffer.count <= Self.answerBytesMax {}
        return Self.parse(buffer)
    }

    /// The last answer in the bytes: 100 Continue may stand before it.
    private static func parse(_ buffer: borrowing ByteBuffer) -> Answer {
        let bytes = [UInt8](copying: buffer.span)
        var start = 0
        while true {
            guard let end = headEnd(bytes, from: start) else { return Answer(status: 0, body: []) }
            let line = String(decoding: bytes[start..<end], as: UTF8.self)
            let status = line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
            guard status == 100 else { return Answer(status: status, body: Array(bytes[end...])) }
            start = end
        }
    }

    private static func headEnd(_ bytes: [UInt8], from start: Int) -> Int? {
        var index = start
        while index + 3 < bytes.count {
            if bytes[index] == 13, bytes[index + 1] == 10, bytes[index + 2] == 13,
                bytes[index + 3] == 10
            {
                return index + 4
            }
            index += 1
        }
        return nil
    }
}
