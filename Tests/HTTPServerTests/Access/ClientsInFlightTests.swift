import HTTPServer
import Primitives
import Testing

private func clients(_ most: Int, table: Int = 100) -> ClientsInFlight {
    var limits = Limits()
    limits.clientRequestsInFlight = most
    limits.clientsMax = table
    return ClientsInFlight(limits: limits)
}

@Test func eachClientHasItsOwnPlacesAndGetsThemBack() {
    let clients = clients(2)
    #expect(clients.begin(1) == 1 && clients.begin(1) == 1)
    #expect(clients.begin(1) == nil)
    #expect(clients.begin(2) == 2)
    clients.end(1)
    #expect(clients.begin(1) == 1)
    #expect(clients.begin(1) == nil)
    for _ in 0..<2 { clients.end(1) }
    clients.end(2)
    #expect(clients.clientCount == 0)
}

@Test func theTableOfClientsInFlightIsBounded() {
    let clients = clients(1, table: 10)
    for client in 1...20 {
        #expect(clients.begin(UInt64(client)) == (client <= 10 ? UInt64(client) : 0))
    }
    #expect(clients.clientCount == 10)
    // Found in review: one that was not counted took back the place of its next request, which was.
    clients.end(1)
    #expect(clients.begin(20) == 20)
    clients.end(0)
    #expect(clients.begin(20) == nil)
}

@Test func withoutALimitNobodysRequestsAreCounted() {
    let clients = clients(0)
    for _ in 0..<1000 { #expect(clients.begin(1) == 0) }
    #expect(clients.clientCount == 0 && !clients.isOn)
}
