import TLS
import Testing

private func served(_ store: TLSCertificateStore) -> String? {
    TestPair(store.context).run().client.serverName
}

@Test func aNewPairIsNoticedAndServed() throws {
    let server = TestServer()
    let store = try TLSCertificateStore(server.configuration)
    #expect(!store.isChanged())
    #expect(served(store) == "server-1")
    let open = TestPair(store.context).run()
    server.renew("server-2")
    #expect(store.isChanged())
    #expect(served(store) == "server-1")
    try store.reload()
    #expect(!store.isChanged())
    #expect(served(store) == "server-2")
    // A session that is open goes on as it began.
    #expect(open.talks())
}

@Test func aBadPairKeepsTheOldAndIsReportedOnce() throws {
    let server = TestServer()
    let store = try TLSCertificateStore(server.configuration)
    let next = TestIdentity("server-2")
    server.folder.write(next.certificateText, to: "server.crt")
    #expect(store.isChanged())
    let error = #expect(throws: TLSError.self) { try store.reload() }
    #expect(error?.path == server.configuration.keyPath)
    #expect(error?.reason.contains("does not fit") == true)
    #expect(!store.isChanged())
    #expect(served(store) == "server-1")
    // The other half arrives.
    server.folder.write(next.keyText, to: "server.key")
    #expect(store.isChanged())
    try store.reload()
    #expect(served(store) == "server-2")
    withExtendedLifetime(server) {}
}

@Test func aFileThatGoesAwayIsAChange() throws {
    let server = TestServer()
    let store = try TLSCertificateStore(server.configuration)
    server.configuration.certificatePath += "-gone"
    #expect(throws: TLSError.self) { try TLSCertificateStore(server.configuration) }
    server.folder.write("", to: "server.crt")
    #expect(store.isChanged())
    #expect(throws: TLSError.self) { try store.reload() }
    #expect(served(store) == "server-1")
    withExtendedLifetime(server) {}
}

@Test func threadsConnectWhileTheFilesAreReloaded() async throws {
    let server = TestServer()
    let store = try TLSCertificateStore(server.configuration)
    try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<4 {
            group.addTask {
                var ticket: TestTicket?
                for round in 0..<40 {
                    let offer = ClientOffer.both[round / 20]
                    if round == 20 { ticket = nil }
                    let pair = TestPair(store.context, offer, resuming: ticket).run()
                    #expect(pair.talks())
                    ticket = pair.client.ticket
                }
            }
        }
        group.addTask { for _ in 0..<20 { try store.reload() } }
        try await group.waitForAll()
    }
    withExtendedLifetime(server) {}
}
