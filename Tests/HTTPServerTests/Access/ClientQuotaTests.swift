import HTTPServer
import Primitives
import Testing

private let second: UInt64 = 1_000_000_000

private func quota(_ rate: Int, clients: Int = 100) -> ClientQuota {
    var limits = Limits()
    limits.clientRequestsPerSecond = rate
    limits.clientsMax = clients
    return ClientQuota(limits: limits)
}

@Test func aClientGetsItsRateAndABurst() {
    let quota = quota(10)
    var taken = 0
    for step in 0..<1_000 as Range<UInt64>
    where quota.take(1, now: second + step * second / 100) == nil {
        taken += 1
    }
    // Ten seconds of ten, and half a second's worth at first.
    #expect(taken >= 104 && taken <= 106, "\(taken)")
    #expect(quota.take(2, now: second) == nil)
}

@Test func aRefusedClientIsToldWhenItMayAsk() throws {
    let quota = quota(2)
    #expect(quota.take(1, now: second) == nil)
    let wait = try #require(quota.take(1, now: second))
    #expect(wait > 0 && wait <= second / 2 + 1)
    #expect(quota.take(1, now: second + wait - 1_000) != nil)
    #expect(quota.take(1, now: second + wait + 1_000) == nil)
}

@Test func theTableIsBounded() {
    let quota = quota(10, clients: 50)
    for client in 0..<10_000 as Range<UInt64> {
        #expect(quota.take(client, now: second) == nil)
        #expect(quota.clientCount <= 50)
    }
    // Clients of long ago make room.
    #expect(quota.take(77_777, now: 100 * second) == nil)
    #expect(quota.clientCount == 1)
}

@Test func withoutALimitNobodyIsCounted() {
    let quota = quota(0)
    for _ in 0..<100 { #expect(quota.take(1, now: second) == nil) }
    #expect(!quota.isOn)
    #expect(quota.clientCount == 0)
}
