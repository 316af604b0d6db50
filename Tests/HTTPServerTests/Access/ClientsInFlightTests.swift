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
    #expect(clients.begin(1) && clients.begin(1))
    #expect(!clients.begin(1))
    #expect(clients.begin(2))
    clients.end(1)
    #expect(clients.begin(1))
    #expect(!clients.begin(1))
    for _ in 0..<2 { clients.end(1) }
    clients.end(2)
    #expect(clients.clientCount == 0)
}

@Test func theTableOfClientsInFlightIsBounded() {
    let clients = clients(1, table: 10)
    for client in 1...20 { #expect(clients.begin(UInt64(client))) }
    #expect(clients.clientCount == 10)
    // One that was not counted is let through again, and gives nothing back.
    #expect(clients.begin(20))
    clients.end(20)
    #expect(!clients.begin(1))
}

@Test func withoutALimitNobodysRequestsAreCounted() {
    let clients = clients(0)
    for _ in 0..<1000 { #expect(clients.begin(1)) }
    #expect(clients.clientCount == 0 && !clients.isOn)
}
