import CLinux
import Glibc
import Primitives

/// A signal that the server acts on.
public enum Signal: Sendable, Equatable {
    case terminate, interrupt, hangUp

    var number: Int32 {
        switch self {
        case .terminate: SIGTERM
        case .interrupt: SIGINT
        case .hangUp: SIGHUP
        }
    }
}

/// Signals as something to wait for (signalfd), never as a handler that runs in between.
public final class Signals {
    private let descriptor: Int32

    /// Blocks the signals for the calling thread and every thread it starts later: call it on the
    /// main thread before anything else.
    public init(_ signals: [Signal]) throws(SystemError) {
        signal(SIGPIPE, SIG_IGN)
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal.number) }
        pthread_sigmask(SIG_BLOCK, &set, nil)
        descriptor = signalfd(-1, &set, Int32(SFD_CLOEXEC))
        guard descriptor >= 0 else { throw SystemError(call: "signalfd", errno) }
    }

    deinit { close(descriptor) }

    /// Waits for the next signal, `timeoutMilliseconds` at most (-1: without end); nil at the end of
    /// that time.
    public func wait(timeoutMilliseconds: Int32 = -1) -> Signal? {
        while true {
            var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = Glibc.poll(&poll, 1, timeoutMilliseconds)
            if ready == 0 { return nil }
            if ready < 0 { continue }
            var info = signalfd_siginfo()
            guard read(descriptor, &info, MemoryLayout<signalfd_siginfo>.size) > 0 else { continue }
            switch Int32(info.ssi_signo) {
            case SIGTERM: return .terminate
            case SIGINT: return .interrupt
            case SIGHUP: return .hangUp
            default: continue
            }
        }
    }
}
