import HTTP
import IO
import Primitives
import TLS

/// Why the server's metadata cannot be had, in a sentence.
public struct MetadataError: Error, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}

/// Asks a server for JSON before a run: one request a connection, HTTP/1.1, waiting for the answer.
public struct MetadataClient {
    private let configuration: LoadConfiguration
    private let fields: [PreparedRequest.Field]
    private static let waitNanoseconds: UInt64 = 10_000_000_000

    /// Target, TLS and limits are taken from `configuration`; `fields` are sent along.
    public init(_ configuration: LoadConfiguration, fields: [PreparedRequest.Field]) {
        self.configuration = configuration
        self.fields = fields
    }

    /// The JSON at a path, answered with 200. Blocks for ten seconds at most.
    public func get(_ path: String) throws(MetadataError) -> JSONValue {
        let (status, body) = try fetch(path)
        guard status == 200 else {
            throw MetadataError("GET \(path) was answered with status \(status)")
        }
        do throws(JSONError) {
            return try JSONValue(parsing: body.span)
        } catch {
            throw MetadataError("the answer to GET \(path) is no JSON")
        }
    }

    private func fetch(_ path: String) throws(MetadataError) -> (Int, [UInt8]) {
        let target = configuration.target
        let wire: LoadWire
        let poller: Poller
        do throws(SystemError) {
            let address =
                if let path = target.unixPath {
                    try SocketAddress(unixPath: path)
                } else {
                    try SocketAddress(host: target.host, port: target.port)
                }
            switch address.connect() {
            case .connected(let descriptor), .pending(let descriptor):
                wire = LoadWire(descriptor, configuration)
            case .failed(let code): throw SystemError(call: "connect to \(target.url)", code)
            }
            poller = try Poller()
            try poller.add(wire.descriptor, token: 0, [.read, .write])
        } catch {
            throw MetadataError(error.description)
        }
        let request = PreparedRequest(
            method: "GET", path: path,
            fields: fields + [PreparedRequest.Field("Connection", "close")],
            body: [])
        wire.output.append(request.http1(target))
        return try exchange(wire, poller, path)
    }

    private func exchange(
        _ wire: LoadWire, _ poller: Poller, _ path: String
    ) throws(MetadataError) -> (Int, [UInt8]) {
        let end = MonotonicClock.nanoseconds + Self.waitNanoseconds
        var parser = HTTP1AnswerParser(limits: configuration.limits)
        parser.begin()
        var body: [UInt8] = []
        while MonotonicClock.nanoseconds < end {
            guard poller.wait(timeoutMilliseconds: 100) > 0 else { continue }
            let code = Socket.connectionError(wire.descriptor)
            guard code == 0 else { throw failure(path, .failed(code)) }
            let sent = wire.flush()
            if case .failedTLS = sent { throw failure(path, sent) }
            let received = wire.receive()
            switch received {
            case .progress, .wouldBlock, .ended: break
            case .failed, .failedTLS: throw failure(path, received)
            }
            let isDone = try take(wire, &parser, &body, path, hasEnded: received == .ended)
            if isDone { return (parser.head.status, body) }
            poller.change(wire.descriptor, token: 0, wire.hasOutput ? [.read, .write] : .read)
        }
        throw MetadataError("GET \(path) was not answered within ten seconds")
    }

    private func failure(_ path: String, _ outcome: LoadWire.Outcome) -> MetadataError {
        let url = configuration.target.url
        return switch outcome {
        case .failed(let code):
            MetadataError(SystemError(call: "connect to \(url)", code).description)
        case .failedTLS(let failure): MetadataError("connect to \(url): \(failure.description)")
        case .progress, .wouldBlock, .ended: MetadataError("GET \(path): no answer")
        }
    }

    /// Collects the body; whether it is complete.
    private func take(
        _ wire: LoadWire, _ parser: inout HTTP1AnswerParser, _ body: inout [UInt8], _ path: String,
        hasEnded: Bool
    ) throws(MetadataError) -> Bool {
        while true {
            var step = parser.next(&wire.input)
            if step == .needMore {
                guard hasEnded else { return false }
                step = parser.end()
            }
            switch step {
            case .complete: return true
            case .head: continue
            case .body(let count):
                guard body.count + count <= configuration.limits.loadMetadataBytesMax else {
                    throw MetadataError("the answer to GET \(path) is too long")
                }
                let bytes = wire.input.span
                for index in 0..<count { body.append(bytes[index]) }
            case .malformed(let fault):
                throw MetadataError("the answer to GET \(path) is malformed: \(fault.rawValue)")
            case .needMore: throw MetadataError("GET \(path): no answer")
            }
        }
    }
}
