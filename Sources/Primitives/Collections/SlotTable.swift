/// Elements addressed by a token that outlives none of them: an index and a generation.
///
/// A token of a removed element never finds the one that took its place, so late events and late
/// answers fall on the floor instead of on a stranger.
public struct SlotTable<Element> {
    /// Index in the low 32 bits, generation in the high 32.
    public typealias Token = UInt64

    @usableFromInline struct Slot {
        @usableFromInline var generation: UInt32
        @usableFromInline var element: Element?

        @inlinable init(generation: UInt32, element: Element?) {
            self.generation = generation
            self.element = element
        }
    }

    @usableFromInline var slots: [Slot] = []
    @usableFromInline var free: [UInt32] = []
    @usableFromInline var storedCount = 0
    @inlinable public var count: Int { storedCount }

    public init() {}

    @inlinable public mutating func insert(_ element: Element) -> Token {
        storedCount += 1
        if let index = free.popLast() {
            slots[Int(index)].element = element
            return Self.token(index, slots[Int(index)].generation)
        }
        slots.append(Slot(generation: 1, element: element))
        return Self.token(UInt32(slots.count - 1), 1)
    }

    @inlinable public subscript(token: Token) -> Element? {
        let index = Int(token & 0xFFFF_FFFF)
        guard index < slots.count, slots[index].generation == UInt32(token >> 32) else {
            return nil
        }
        return slots[index].element
    }

    @discardableResult @inlinable public mutating func remove(_ token: Token) -> Element? {
        let index = Int(token & 0xFFFF_FFFF)
        guard index < slots.count, slots[index].generation == UInt32(token >> 32),
            let element = slots[index].element
        else { return nil }
        slots[index].element = nil
        slots[index].generation &+= 1
        if slots[index].generation == 0 { slots[index].generation = 1 }
        free.append(UInt32(index))
        storedCount -= 1
        return element
    }

    /// Visits every element; the table must not change meanwhile.
    public func visit(_ body: (Token, Element) -> Void) {
        for (index, slot) in slots.enumerated() {
            if let element = slot.element {
                body(Self.token(UInt32(index), slot.generation), element)
            }
        }
    }

    @inlinable static func token(_ index: UInt32, _ generation: UInt32) -> Token {
        UInt64(generation) << 32 | UInt64(index)
    }
}
