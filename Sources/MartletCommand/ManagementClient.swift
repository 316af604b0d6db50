import IO
import Primitives

/// One request at a time to a server's management API, over HTTP/1.1.
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
    private let host: String
    private let token: String?
    private let timeoutSeconds: Int
    private static let answerBytesMax = 64 << 20

    /// `http://HOST[:PORT]` or `unix:PATH`; nil when it is neither.
    init?(server: String, token: String?, timeoutSeconds: Int = 600) {
        self.token = token
        self.timeoutSeconds = timeoutSeconds
        if server.hasPrefix("unix:") {
            place = .unix(String(server.dropFirst(5)))
            host = "localhost"
            return
        }
        guard server.hasPrefix("http://") else { return nil }
        var rest = server.dropFirst(7)
        while rest.hasSuffix("/") { rest = rest.dropLast() }
        guard !rest.contains("/"), !rest.isEmpty else { return nil }
        let hasPort = rest.hasPrefix("[") ? rest.contains("]:") : rest.contains(":")
        guard let address = ListenAddress(parsing: hasPort ? String(rest) : "\(rest):80") else {
            return nil
        }
        place = .tcp(host: address.host, port: address.port)
        host = String(rest)
    }

    /// Asks, and waits for the answer: loading a large model takes its time.
    func ask(_ method: String, _ target: String, body: String = "") throws(Failure) -> Answer {
        do throws(SystemError) {
            let socket = try connect()
            var request = head(method, target, length: body.utf8.count)
            if !body.isEmpty { request.append("Content-Type: application/json\r\n") }
            request.append("\r\n")
            request.append(body)
            try socket.send(request.span)
            return try receive(socket)
        } catch {
            throw Failure(message: error.description)
        }
    }

    /// Sends a file, with its checksum. The server is asked first whether it wants it.
    func upload(_ path: String, to target: String) throws(Failure) -> Answer {
        do throws(SystemError) {
            guard let stamp = FileStamp(path: path) else {
                throw SystemError(call: "open \(path)", 2)
            }
            let digest = try FileSystem.digest(of: path, byteCountMax: Limits().modelBytesMax)
            var file = try FileReader(path: path)
            let socket = try connect()
            var request = head("PUT", target, length: Int(stamp.byteCount))
            request.append("Content-Type: application/octet-stream\r\n")
            request.append("X-Checksum-Sha256: \(digest)\r\nExpect: 100-continue\r\n\r\n")
            try socket.send(request.span)
            guard try isWanted(socket, withinMilliseconds: 5_000) else {
                return try receive(socket)
            }
            var piece = ByteBuffer(capacity: 1 << 20)
            do throws(SystemError) {
                while try file.read(into: &piece, byteCountMax: 1 << 20) {
                    try socket.send(piece.span)
                    piece.removeAll()
                }
            } catch {
                // A server that refuses closes its end: its answer says why.
                guard socket.isReadable(withinMilliseconds: 1_000) else { throw error }
            }
            return try receive(socket)
        } catch {
            throw Failure(message: error.description)
        }
    }

    private func connect() throws(SystemError) -> ClientSocket {
        switch place {
        case .tcp(let host, let port):
            try ClientSocket(host: host, port: port, timeoutSeconds: timeoutSeconds)
        case .unix(let path): try ClientSocket(unixPath: path, timeoutSeconds: timeoutSeconds)
        }
    }

    private func head(_ method: String, _ target: String, length: Int) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.append("\(method) \(target) HTTP/1.1\r\nHost: \(host)\r\n")
        buffer.append("Content-Length: \(length)\r\nConnection: close\r\n")
        if let token { buffer.append("Authorization: Bearer \(token)\r\n") }
        return buffer
    }

    /// Whether `100 Continue` came, or nothing at all (RFC 9110 section 10.1.1: then it is sent anyway).
    private func isWanted(
        _ socket: borrowing ClientSocket, withinMilliseconds milliseconds: Int32
    ) throws(SystemError) -> Bool {
        guard socket.isReadable(withinMilliseconds: milliseconds) else { return true }
        var buffer = ByteBuffer()
        _ = try socket.receive(into: &buffer)
        return buffer.text.hasPrefix("HTTP/1.1 100")
    }

    private func receive(_ socket: borrowing ClientSocket) throws(SystemError) -> Answer {
        var buffer = ByteBuffer()
        // The server closes behind its answer.
        while try socket.receive(into: &buffer), buffer.count <= Self.answerBytesMax {}
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
