import Synchronization

/// Messages from any thread to one: a locked list and an eventfd that its owner polls.
///
/// The sender raises the eventfd only when the list was empty, so a burst costs one system call.
/// Unbounded by itself: what is sent is bounded by what was admitted before (queue items).
public final class Mailbox<Message: Sendable>: Sendable {
    /// Polled by the receiving thread.
    public let wakeup: Wakeup
    /// Written by any thread, swapped out by the receiver.
    private let messages = Mutex<[Message]>([])

    public init() throws(SystemError) { wakeup = try Wakeup(.polled) }

    public func send(_ message: Message) {
        let wasEmpty = messages.withLock { list in
            list.append(message)
            return list.count == 1
        }
        if wasEmpty { wakeup.raise() }
    }

    /// Sends several in one step; the receiver wakes once.
    public func send(_ several: [Message]) {
        guard !several.isEmpty else { return }
        let wasEmpty = messages.withLock { list in
            list.append(contentsOf: several)
            return list.count == several.count
        }
        if wasEmpty { wakeup.raise() }
    }

    /// Takes all messages, in the order they came, into `list` (emptied first). `list`'s memory is
    /// handed to the mailbox for the next round, so that a steady flow does not allocate.
    public func receive(into list: inout [Message]) {
        wakeup.take()
        list.removeAll(keepingCapacity: true)
        messages.withLock { swap(&$0, &list) }
    }
}
