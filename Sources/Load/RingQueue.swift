/// A first-in, first-out queue that keeps its memory. Its owner bounds it.
struct RingQueue<Element> {
    private var slots: [Element?] = []
    private var first = 0
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func append(_ element: Element) {
        if count == slots.count { grow() }
        slots[(first + count) & (slots.count - 1)] = element
        count += 1
    }

    mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = slots[first]
        slots[first] = nil
        first = (first + 1) & (slots.count - 1)
        count -= 1
        return element
    }

    var front: Element? { count > 0 ? slots[first] : nil }

    private mutating func grow() {
        var grown = [Element?](repeating: nil, count: max(16, slots.count * 2))
        for offset in 0..<count { grown[offset] = slots[(first + offset) & (slots.count - 1)] }
        slots = grown
        first = 0
    }
}
