import CLinux
import Glibc
import Primitives

/// What epoll reported of one descriptor.
public struct ReadyEvent: Sendable {
    /// What the descriptor was registered with.
    public let token: UInt64
    public let isReadable: Bool
    public let isWritable: Bool
    /// The peer sent FIN (EPOLLRDHUP).
    public let isPeerFinished: Bool
    /// The connection is dead in both directions (EPOLLHUP, EPOLLERR).
    public let isBroken: Bool
}

/// What a descriptor is watched for. A hang-up and errors are always reported.
public struct Interest: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let read = Interest(rawValue: 1)
    public static let write = Interest(rawValue: 2)
    /// Report the peer's FIN even when not reading.
    public static let peerFinish = Interest(rawValue: 4)
}

/// A level-triggered epoll set, for one thread.
@safe public final class Poller {
    private let descriptor: Int32
    private let events: UnsafeMutablePointer<epoll_event>
    private let capacity: Int

    public init(eventsMax: Int = 512) throws(SystemError) {
        descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard descriptor >= 0 else { throw SystemError(call: "epoll_create1", errno) }
        capacity = eventsMax
        events = .allocate(capacity: eventsMax)
    }

    deinit {
        events.deallocate()
        close(descriptor)
    }

    public func add(_ watched: Int32, token: UInt64, _ interest: Interest) throws(SystemError) {
        guard control(EPOLL_CTL_ADD, watched, token, interest) else {
            throw SystemError(call: "epoll_ctl add", errno)
        }
    }

    /// Changes what a registered descriptor is watched for.
    public func change(_ watched: Int32, token: UInt64, _ interest: Interest) {
        let done = control(EPOLL_CTL_MOD, watched, token, interest)
        precondition(done, "a watched descriptor is registered until it is closed")
    }

    public func remove(_ watched: Int32) {
        var unused = epoll_event()
        _ = epoll_ctl(descriptor, EPOLL_CTL_DEL, watched, &unused)
    }

    private func control(
        _ operation: Int32, _ watched: Int32, _ token: UInt64, _ interest: Interest
    ) -> Bool {
        var event = epoll_event()
        var mask: UInt32 = 0
        if interest.contains(.read) { mask |= EPOLLIN.rawValue }
        if interest.contains(.write) { mask |= EPOLLOUT.rawValue }
        if interest.contains(.peerFinish) { mask |= EPOLLRDHUP.rawValue }
        event.events = mask
        event.data.u64 = token
        return epoll_ctl(descriptor, operation, watched, &event) == 0
    }

    /// Waits for events, `timeoutMilliseconds` at most (-1: without end), and returns how many there
    /// are; `event(_:)` gives them until the next wait.
    public func wait(timeoutMilliseconds: Int32) -> Int {
        let count = epoll_wait(descriptor, events, Int32(capacity), timeoutMilliseconds)
        if count >= 0 { return Int(count) }
        precondition(errno == EINTR, "epoll_wait fails only when interrupted")
        return 0
    }

    public func event(_ index: Int) -> ReadyEvent {
        precondition(index >= 0 && index < capacity, "an event of the last wait")
        let mask = events[index].events
        return ReadyEvent(
            token: events[index].data.u64,
            isReadable: mask & EPOLLIN.rawValue != 0,
            isWritable: mask & EPOLLOUT.rawValue != 0,
            isPeerFinished: mask & EPOLLRDHUP.rawValue != 0,
            isBroken: mask & (EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0)
    }
}
