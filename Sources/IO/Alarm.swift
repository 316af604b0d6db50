import CLinux
import Glibc
import Primitives

/// A timer that an epoll set can wait for, to the microsecond (timerfd): epoll's own time-out counts
/// whole milliseconds.
public final class Alarm {
    /// Readable from the set time on. Watched for reading.
    public let descriptor: Int32
    private var armed: UInt64 = 0

    public init() throws(SystemError) {
        descriptor = timerfd_create(CLOCK_MONOTONIC, Int32(TFD_NONBLOCK) | Int32(TFD_CLOEXEC))
        guard descriptor >= 0 else { throw SystemError(call: "timerfd_create", errno) }
    }

    deinit { close(descriptor) }

    /// Rings at a time of `MonotonicClock`, at once when it has passed. One system call unless it is
    /// set to that time already.
    public func set(nanoseconds time: UInt64) {
        guard time != armed else { return }
        armed = time
        // Zero would disarm it.
        let time = max(time, 1)
        var value = itimerspec()
        value.it_value.tv_sec = Int(time / 1_000_000_000)
        value.it_value.tv_nsec = Int(time % 1_000_000_000)
        let result = timerfd_settime(descriptor, Int32(TFD_TIMER_ABSTIME), &value, nil)
        precondition(result == 0, "a time is a valid one")
    }

    /// Takes note of a ring, so that the descriptor is no longer readable.
    public func acknowledge() {
        var count: UInt64 = 0
        while read(descriptor, &count, 8) < 0, errno == EINTR {}
        armed = 0
    }
}
