import Load
import Primitives
import Testing

@Test func theEarliestComesFirstAndOnlyWhenItIsDue() {
    var queue = DelayedQueue<Int>()
    #expect(queue.nextDue == nil)
    var random = SplitMix(seed: 1)
    var list: [UInt64] = []
    for index in 0..<2_000 {
        let due = random.next() % 500
        list.append(due)
        queue.insert(index, due: due)
        #expect(queue.nextDue == list.min())
    }
    let early = queue.pop(now: 0).map { list[$0] }
    #expect(early == nil || early == 0)
    var taken = early == nil ? [] : [early ?? 0]
    for now in stride(from: UInt64(0), through: 500, by: 50) {
        while let index = queue.pop(now: now) { taken.append(list[index]) }
        #expect(taken.allSatisfy { $0 <= now })
        #expect(queue.count == list.count { $0 > now })
    }
    #expect(taken == list.sorted() && queue.count == 0)
}
