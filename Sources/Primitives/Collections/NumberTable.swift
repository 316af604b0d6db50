/// Elements by numbers that are handed out in rising order, such as those of an HTTP/2 connection's
/// streams.
///
/// Half a number is its hash: a client's streams are odd, so those that are open together rarely
/// collide. Collisions go to the next slot, and removal closes the gap (Knuth, The Art of Computer
/// Programming, volume 3, section 6.4, algorithm R). At most half full; keeps its memory. The numbers
/// that are present at a time must be bounded by the caller: a client that chose them freely could make
/// every look-up walk over all of them.
public struct NumberTable<Element> {
    @usableFromInline struct Slot {
        @usableFromInline var number: Int32
        @usableFromInline var element: Element

        @inlinable init(number: Int32, element: Element) {
            self.number = number
            self.element = element
        }
    }

    @inlinable static var smallest: Int { 16 }

    @usableFromInline var slots: [Slot?] = []
    @usableFromInline var storedCount = 0

    public init() {}

    @inlinable public var count: Int { storedCount }
    @inlinable public var isEmpty: Bool { storedCount == 0 }

    /// In no order.
    public var values: some Sequence<Element> { slots.lazy.compactMap { $0?.element } }

    @inlinable public subscript(number: Int32) -> Element? {
        guard !slots.isEmpty else { return nil }
        var index = home(number)
        while let slot = slots[index] {
            if slot.number == number { return slot.element }
            index = next(index)
        }
        return nil
    }

    /// Adds an element under a number that has none.
    @inlinable public mutating func insert(_ element: Element, at number: Int32) {
        if (count + 1) * 2 > slots.count { grow() }
        place(Slot(number: number, element: element))
        storedCount += 1
    }

    @inlinable public mutating func remove(_ number: Int32) -> Element? {
        guard !slots.isEmpty else { return nil }
        var index = home(number)
        while let slot = slots[index], slot.number != number { index = next(index) }
        guard let removed = slots[index] else { return nil }
        storedCount -= 1
        closeGap(index)
        return removed.element
    }

    /// Moves what was pushed on by the removed element back on its way home.
    @inlinable mutating func closeGap(_ removed: Int) {
        var gap = removed
        var index = next(gap)
        while let slot = slots[index] {
            let wayFromHome = (index - home(slot.number)) & (slots.count - 1)
            if wayFromHome >= (index - gap) & (slots.count - 1) {
                slots[gap] = slot
                gap = index
            }
            index = next(index)
        }
        slots[gap] = nil
    }

    @inlinable mutating func grow() {
        let old = slots
        slots = Array(repeating: nil, count: max(Self.smallest, old.count * 2))
        for case let slot? in old { place(slot) }
    }

    @inlinable mutating func place(_ slot: Slot) {
        var index = home(slot.number)
        while slots[index] != nil { index = next(index) }
        slots[index] = slot
    }

    @inlinable func home(_ number: Int32) -> Int { Int(number >> 1) & (slots.count - 1) }

    @inlinable func next(_ index: Int) -> Int { (index + 1) & (slots.count - 1) }
}
