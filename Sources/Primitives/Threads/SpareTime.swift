import Synchronization

/// A thread that works for one caller at a time, who waits for it: work is done at that thread's priority,
/// not at the caller's.
///
/// SAFETY: the caller's closure crosses to the other thread and back without being Sendable: the caller is
/// blocked from before the other one begins until after it has ended, and the wake-ups order what they see.
public final class SpareTime: Sendable {
    private struct Errand: @unchecked Sendable {
        let work: () -> Void
    }

    private struct State {
        var errand: Errand?
        var isStopped = false
    }

    private let state = Mutex(State())
    private let begin: Wakeup
    private let end: Wakeup

    /// Throws when the process is out of descriptors.
    public init() throws(SystemError) {
        begin = try Wakeup(.counted)
        end = try Wakeup(.counted)
    }

    /// The thread's life: returns after `stop`. Runs only while a processor has nothing else to do.
    public func run() {
        ThreadPriority.idle()
        while true {
            begin.take()
            let (errand, isStopped) = state.withLock { state in
                defer { state.errand = nil }
                return (state.errand, state.isStopped)
            }
            errand?.work()
            if errand != nil { end.raise() }
            if isStopped { return }
        }
    }

    /// Does `work` on the thread and returns when it is done. One caller at a time; not after `stop`.
    public func perform(_ work: @escaping () -> Void) {
        let errand = Errand(work: work)
        state.withLock { state in
            precondition(state.errand == nil && !state.isStopped, "one caller at a time")
            state.errand = errand
        }
        begin.raise()
        end.take()
    }

    /// Lets the thread end once it has done what it was given.
    public func stop() {
        state.withLock { $0.isStopped = true }
        begin.raise()
    }
}
