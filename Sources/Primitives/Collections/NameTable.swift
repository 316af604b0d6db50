/// Finds the index of a name given as bytes, without making a String (which allocates beyond 15
/// bytes). Open addressing over FNV-1a; built once, then read by any thread.
public struct NameTable: Sendable {
    private let names: [[UInt8]]
    /// Index + 1 into `names`, or 0.
    private let slots: [UInt32]

    /// Names must differ from each other.
    public init(_ names: [String]) {
        self.names = names.map { Array($0.utf8) }
        var capacity = 8
        while capacity < names.count * 2 { capacity *= 2 }
        var slots = [UInt32](repeating: 0, count: capacity)
        for (index, name) in self.names.enumerated() {
            var position = Int(truncatingIfNeeded: Self.hash(name.span)) & (capacity - 1)
            while slots[position] != 0 { position = (position + 1) & (capacity - 1) }
            slots[position] = UInt32(index + 1)
        }
        self.slots = slots
    }

    public func index(of name: Span<UInt8>) -> Int? {
        var position = Int(truncatingIfNeeded: Self.hash(name)) & (slots.count - 1)
        while slots[position] != 0 {
            let index = Int(slots[position]) - 1
            if Self.equal(names[index], name) { return index }
            position = (position + 1) & (slots.count - 1)
        }
        return nil
    }

    private static func hash(_ bytes: Span<UInt8>) -> UInt64 {
        var value: UInt64 = 0xcbf2_9ce4_8422_2325
        for index in bytes.indices { value = (value ^ UInt64(bytes[index])) &* 0x100_0000_01b3 }
        return value ^ value >> 32
    }

    private static func equal(_ a: [UInt8], _ b: Span<UInt8>) -> Bool {
        guard a.count == b.count else { return false }
        for index in a.indices where a[index] != b[index] { return false }
        return true
    }
}
