import Models
import Primitives
import Serving
import Testing

private func bench(_ canary: String) throws -> LoaderBench {
    let bench = try LoaderBench([
        "a/1/model.test": "1", "a/2/model.test": "2", "a/model.json": canary,
    ])
    bench.loader.start()
    return bench
}

private func keys(_ canary: CanaryRoute, _ count: Int) -> Set<Int> {
    Set((0..<count).filter { canary.takes(key: Array("user-\($0)".utf8).span) })
}

@Test func aCanaryGetsItsShareAndKeepsItsClients() throws {
    let small = try bench(
        #"{"canary": {"version": "2", "share": 0.1, "sticky_header": "X-User"}}"#)
    // The canary is no default.
    #expect(small.standard("a") == "1")
    let canary = try #require(small.model("a")?.canary)
    #expect(canary.stickyHeader == Array("x-user".utf8))
    let chosen = keys(canary, 20_000)
    // A standard deviation is 42.
    #expect((1_750...2_250).contains(chosen.count))
    #expect(keys(canary, 20_000) == chosen)
    let large = try #require(
        try bench(#"{"canary": {"version": "2", "share": 0.3}}"#).model("a")?.canary)
    #expect(keys(large, 20_000).isSuperset(of: chosen))
    var state: UInt64 = 1
    let byChance = (0..<20_000).count { _ in
        state &+= 0x9e37_79b9_7f4a_7c15
        return canary.takes(random: ShareOfTraffic.mixed(state))
    }
    #expect((1_750...2_250).contains(byChance))
}

@Test(arguments: [(0.0, 0), (1.0, 1_000)])
func noneAndAllAreExact(share: Double, expected: Int) throws {
    let canary = try #require(
        try bench(#"{"canary": {"version": "2", "share": \#(share)}}"#).model("a")?.canary)
    #expect(keys(canary, 1_000).count == expected)
    #expect(canary.takes(random: .max) == (expected > 0))
    #expect(canary.takes(random: 0) == (expected > 0))
}

@Test func aCanaryThatIsNotReadyGetsNothing() throws {
    let bench = try LoaderBench([
        "a/1/model.test": "1", "a/2/model.test": "bad",
        "a/model.json": #"{"canary": {"version": "2", "share": 1}}"#,
    ])
    bench.loader.start()
    #expect(bench.model("a")?.canary == nil)
    #expect(bench.standard("a") == "1")
}
