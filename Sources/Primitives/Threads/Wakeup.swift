import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// An eventfd: one thread raises it, another sleeps on it or polls it.
public final class Wakeup: Sendable {
    public enum Kind: Sendable {
        /// For an epoll set: never blocks, one read clears all raises.
        case polled
        /// For sleeping threads: each raise wakes one `wait`.
        case counted
    }

    public let descriptor: Int32

    /// Throws the errno of eventfd(2), which fails only when the process is out of descriptors.
    public init(_ kind: Kind) throws(SystemError) {
        let flags =
            switch kind {
            case .polled: Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK)
            case .counted: Int32(EFD_CLOEXEC) | Int32(EFD_SEMAPHORE)
            }
        descriptor = eventfd(0, flags)
        guard descriptor >= 0 else { throw SystemError(call: "eventfd", errno) }
    }

    deinit { close(descriptor) }

    public func raise() {
        var one: UInt64 = 1
        while write(descriptor, &one, 8) < 0, errno == EINTR {}
    }

    /// Raises it once for each of `count` sleepers.
    public func raise(count: Int) {
        guard count > 0 else { return }
        var value = UInt64(count)
        while write(descriptor, &value, 8) < 0, errno == EINTR {}
    }

    /// Takes what was raised, or returns after this time without. For `.counted`.
    public func take(timeoutNanoseconds: UInt64) {
        guard martlet_wait_readable(descriptor, Int64(clamping: timeoutNanoseconds)) > 0 else {
            return
        }
        take()
    }

    /// Takes what was raised: blocks for `.counted`, returns at once for `.polled`.
    public func take() {
        var value: UInt64 = 0
        while read(descriptor, &value, 8) < 0, errno == EINTR {}
    }

    /// Waits until it is raised or another descriptor is readable, `timeoutMilliseconds` at most (-1:
    /// without end). Takes nothing.
    public func wait(orReadable other: Int32 = -1, timeoutMilliseconds: Int32) {
        var polled: InlineArray<2, pollfd> = [
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            // A negative descriptor is left out (poll(2)).
            pollfd(fd: other, events: Int16(POLLIN), revents: 0),
        ]
        var span = polled.mutableSpan
        span.withUnsafeMutableBufferPointer { _ = poll($0.baseAddress, 2, timeoutMilliseconds) }
    }
}
