/// What becomes due later, the earliest first: a binary heap (Williams 1964).
public struct DelayedQueue<Element> {
    private var entries: [(due: UInt64, element: Element)] = []

    public init() {}

    public var count: Int { entries.count }
    public var nextDue: UInt64? { entries.first?.due }

    /// Costs O(log count).
    public mutating func insert(_ element: Element, due: UInt64) {
        entries.append((due, element))
        var index = entries.count - 1
        while index > 0, entries[(index - 1) / 2].due > entries[index].due {
            entries.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    /// The earliest, when it is due.
    public mutating func pop(now: UInt64) -> Element? {
        guard let first = entries.first, first.due <= now else { return nil }
        let last = entries.removeLast()
        guard !entries.isEmpty else { return first.element }
        entries[0] = last
        var index = 0
        while true {
            let left = 2 * index + 1
            guard left < entries.count else { return first.element }
            let right = left + 1
            let isRight = right < entries.count && entries[right].due < entries[left].due
            let child = isRight ? right : left
            guard entries[child].due < entries[index].due else { return first.element }
            entries.swapAt(child, index)
            index = child
        }
    }
}
