import Primitives
import Synchronization

/// Lines about requests, on their way to the log. An event loop must not wait for whoever reads
/// standard error: it adds, and a thread of its own writes. What does not fit is dropped and
/// counted.
public final class LogQueue: Sendable {
    private struct State {
        var text = ""
        var isStopped = false
    }

    private let bytesMax: Int
    private let write: @Sendable (String) -> Void
    private let dropped: @Sendable () -> Void
    private let wakeup: Wakeup
    private let state = Mutex(State())

    /// `write` takes one or more whole lines and may take its time; `dropped` is told of each line
    /// that is lost.
    public init(
        limits: Limits, write: @escaping @Sendable (String) -> Void,
        dropped: @escaping @Sendable () -> Void
    ) throws(SystemError) {
        bytesMax = limits.logBufferedBytesMax
        self.write = write
        self.dropped = dropped
        wakeup = try Wakeup(.polled)
    }

    /// Adds a line, from any thread; never waits for the reader.
    public func add(_ line: String) {
        let isFirst: Bool? = state.withLock { state in
            guard state.text.utf8.count + line.utf8.count <= bytesMax else { return nil }
            state.text += line
            return state.text.utf8.count == line.utf8.count
        }
        switch isFirst {
        case nil: dropped()
        case true?: wakeup.raise()
        case false?: break
        }
    }

    /// What waits is written before `run` returns.
    public func stop() {
        state.withLock { $0.isStopped = true }
        wakeup.raise()
    }

    /// The thread's life, until `stop`.
    public func run() {
        while true {
            wakeup.wait(timeoutMilliseconds: -1)
            wakeup.take()
            // Before the lines are taken: none can come behind the last look.
            let isStopped = state.withLock { $0.isStopped }
            let text = state.withLock { state in
                let text = state.text
                state.text = ""
                return text
            }
            if !text.isEmpty { write(text) }
            if isStopped { return }
        }
    }
}
