import Primitives
import Testing

@Test func bytesComeOutInTheOrderTheyWentIn() {
    var buffer = ByteBuffer()
    var expected: [UInt8] = []
    var next: UInt8 = 0
    for round in 0..<2000 {
        for _ in 0..<(round % 37) {
            buffer.append(next)
            expected.append(next)
            next &+= 1
        }
        let taken = min(round % 29, expected.count)
        for index in 0..<taken {
            let byte = buffer.span[index]
            #expect(byte == expected[index])
        }
        buffer.consume(taken)
        expected.removeFirst(taken)
        let count = buffer.count
        #expect(count == expected.count)
    }
}

@Test(arguments: [0, 1, -1, 9, 10, 99, 100, -100, Int.max, Int.min, 1_000_000_007])
func decimalsAreWrittenAsSwiftWritesThem(value: Int) {
    var buffer = ByteBuffer()
    buffer.append(decimal: value)
    let text = buffer.text
    #expect(text == String(value))
    var unsigned = ByteBuffer()
    unsigned.append(decimal: UInt64(bitPattern: Int64(value)))
    let unsignedText = unsigned.text
    #expect(unsignedText == String(UInt64(bitPattern: Int64(value))))
}

@Test func aRangeIsRemovedFromTheMiddle() {
    var buffer = ByteBuffer()
    buffer.append("xxhello cruel world")
    buffer.consume(2)
    buffer.removeSubrange(5..<11)
    let text = buffer.text
    #expect(text == "hello world")
    buffer.removeSubrange(5..<11)
    buffer.truncate(to: 4)
    let rest = buffer.text
    #expect(rest == "hell")
}

@Test func poolsHandMemoryOnAndDropLargeOnes() {
    var pool = BufferPool(capacity: 64, countMax: 2, capacityMax: 128)
    var first = pool.take()
    first.append("abc")
    pool.reclaim(&first)
    let capacity = first.capacity
    #expect(capacity == 0)
    var second = pool.take()
    let isEmpty = second.isEmpty
    let reused = second.capacity
    #expect(isEmpty && reused == 64)
    second.reserve(1000)
    pool.reclaim(&second)
    let third = pool.take()
    let fresh = third.capacity
    #expect(fresh == 64)
}

@Test func aPoolKeepsNoMoreBytesThanItMay() {
    var pool = BufferPool(capacity: 64, countMax: 8, capacityMax: 1024, byteCountMax: 1500)
    var first = ByteBuffer(capacity: 1024)
    var second = ByteBuffer(capacity: 1024)
    pool.reclaim(&first)
    pool.reclaim(&second)
    var kept = pool.take()
    let newOne = pool.take()
    let capacities = [kept.capacity, newOne.capacity]
    #expect(capacities == [1024, 64])
    // What was taken out makes room again.
    pool.reclaim(&kept)
    let again = pool.take()
    let capacity = again.capacity
    #expect(capacity == 1024)
}
