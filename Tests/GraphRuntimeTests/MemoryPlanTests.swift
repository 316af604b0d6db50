import GraphRuntime
import Testing

private func check(_ lives: [MemoryPlan.Life]) throws {
    let plan = try #require(MemoryPlan(lives, byteCountMax: 1 << 40))
    for (index, life) in lives.enumerated() {
        #expect(plan.offsets[index] % 64 == 0)
        #expect(plan.offsets[index] + life.byteCount <= plan.byteCount)
    }
    let order = lives.indices.sorted { lives[$0].first < lives[$1].first }
    for (position, index) in order.enumerated() {
        for other in order[(position + 1)...] {
            guard lives[other].first <= lives[index].last else { break }
            let (a, b) = (plan.offsets[index], plan.offsets[other])
            let isApart =
                a + lives[index].byteCount <= b || b + lives[other].byteCount <= a
            if !isApart { Issue.record("values \(index) and \(other) overlap") }
        }
    }
}

@Test(arguments: [0, 1, 2, 50, 1_999, 2_001, 6_000])
func valuesAliveTogetherNeverOverlap(count: Int) throws {
    var lives: [MemoryPlan.Life] = []
    for index in 0..<count {
        let first = Int.random(in: 0...max(index, 1))
        lives.append(
            .init(
                byteCount: Int.random(in: 0...5_000), first: first,
                last: first + Int.random(in: 0...12)))
    }
    try check(lives)
}

@Test func aLongChainNeedsTwoBuffersAndLittleTime() throws {
    let lives = (0..<40_000).map { MemoryPlan.Life(byteCount: 4_096, first: $0, last: $0 + 1) }
    let plan = try #require(MemoryPlan(lives, byteCountMax: 1 << 40))
    #expect(plan.byteCount == 2 * 4_096)
}

@Test func aPlanBeyondItsLimitIsNone() {
    let lives = (0..<4).map { _ in MemoryPlan.Life(byteCount: 1_000, first: 0, last: 1) }
    #expect(MemoryPlan(lives, byteCountMax: 3_000) == nil)
}
