import Primitives
import Testing

@Test func cellsAddUp() {
    let block = CounterBlock(count: 3)
    block.add(0)
    block.add(0, 4)
    block.addShared(1, 7)
    block.subtractShared(1, 2)
    block.store(2, 9)
    #expect((0..<3).map { block.load($0) } == [5, 5, 9])
}
