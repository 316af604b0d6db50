import Primitives
import Testing

@Test func memoryIsZeroedAlignedAndCopied() {
    let source = AlignedMemory(byteCount: 64)
    var values = source.mutableSpan(as: Float.self)
    for index in values.indices { #expect(values[index] == 0) }
    values[3] = 7
    let target = AlignedMemory(byteCount: 32)
    target.copy(from: source, sourceOffset: 12, to: 4, byteCount: 4)
    #expect(target.span(as: Float.self)[1] == 7)
    let address = target.span(as: UInt8.self).withUnsafeBufferPointer {
        UInt(bitPattern: $0.baseAddress)
    }
    #expect(address % UInt(AlignedMemory.alignment) == 0)
}

@Test func spansBeyondTheMemoryTrap() async {
    await #expect(processExitsWith: .failure) {
        let memory = AlignedMemory(byteCount: 16)
        _ = memory.span(as: Float.self, byteOffset: 8, count: 3, owner: memory)
    }
    await #expect(processExitsWith: .failure) {
        let memory = AlignedMemory(byteCount: 16)
        _ = memory.span(as: Double.self, byteOffset: 0, count: Int.max / 4, owner: memory)
    }
}
