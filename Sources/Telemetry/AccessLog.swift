import Logging
import Primitives

/// One answered request, as the access log tells of it. Nothing in it is what a client sent to be
/// predicted, nor a path or a credential: routes and models are names that are registered.
public struct AccessRecord: Sendable {
    public var requestID = ""
    /// 32 and 16 hexadecimal digits; empty without a trace.
    public var traceID = ""
    public var parentID = ""
    /// Empty, as `seconds` and `requestBytes` are nil, when nothing was noted of the request before its
    /// answer.
    public var method = ""
    public var route = ""
    /// Empty when the request found none.
    public var model = ""
    public var version = ""
    public var status = 0
    /// The code of an error answer.
    public var code = ""
    public var proto = ""
    /// From its parsing to its answer.
    public var seconds: Double?
    public var requestBytes: Int?
    public var responseBytes = 0

    public init() {}

    var figures: Logger.Metadata {
        var figures: Logger.Metadata = [
            "request_id": .string(requestID), "route": .string(route),
            "status": .stringConvertible(status), "protocol": .string(proto),
            "response_bytes": .stringConvertible(responseBytes),
        ]
        if !method.isEmpty { figures["method"] = .string(method) }
        if let seconds { figures["seconds"] = .stringConvertible(seconds) }
        if let requestBytes { figures["request_bytes"] = .stringConvertible(requestBytes) }
        if !traceID.isEmpty { figures["trace_id"] = .string(traceID) }
        if !parentID.isEmpty { figures["parent_id"] = .string(parentID) }
        if !model.isEmpty { figures["model"] = .string(model) }
        if !version.isEmpty { figures["version"] = .string(version) }
        if !code.isEmpty { figures["code"] = .string(code) }
        return figures
    }
}

/// Lines about requests: the access log, when it is on, and those that failed on our side, always.
public struct AccessLog: Sendable {
    /// Whether answered requests are told of.
    public let isOn: Bool
    /// Which part of them, 0 to 1. Those that failed on our side are told of in any case.
    public let share: Double
    private let log: Log

    public init(isOn: Bool, share: Double, log: Log) {
        self.isOn = isOn
        self.share = share
        self.log = log
    }

    /// Whether a request whose random number is this one is among the share.
    public func takes(random: UInt64) -> Bool {
        guard isOn else { return false }
        return share >= 1 || Double(random >> 11) / Double(1 << 53) < share
    }

    /// A request was answered.
    public func write(_ record: AccessRecord) {
        log.info("request", figures: record.figures)
    }

    /// A request failed on our side. Why is in its answer, and not here: a model's reason may quote
    /// its input.
    public func writeFailure(_ record: AccessRecord) {
        log.error("request failed", figures: record.figures)
    }
}
