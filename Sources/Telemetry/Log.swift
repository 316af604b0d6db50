import Primitives

/// Lines for the operator, on standard error: what happened, to what, and what to do about it.
public struct Log: Sendable {
    private let sink: @Sendable (String) -> Void

    public init(_ sink: @escaping @Sendable (String) -> Void) { self.sink = sink }

    /// `martlet: …` on standard error.
    public static let standardError = Log { StandardStreams.error($0) }

    public func info(_ message: String) { sink("martlet: \(message.onOneLine)\n") }
    public func error(_ message: String) { sink("martlet: error: \(message.onOneLine)\n") }
}
