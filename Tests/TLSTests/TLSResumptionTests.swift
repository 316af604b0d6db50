import COpenSSL
import Primitives
import TLS
import Testing

/// Connects, and hands on what to resume with.
private func ticket(_ context: TLSContext, _ offer: ClientOffer) -> TestTicket {
    TestPair(context, offer).run().client.ticket
}

private func resumes(_ context: TLSContext, _ offer: ClientOffer, _ ticket: TestTicket) -> Bool {
    let pair = TestPair(context, offer, resuming: ticket).run()
    #expect(pair.talks())
    return pair.session.isResumed
}

@Test func ticketsResume() throws {
    let context = try TestServer().context()
    for offer in ClientOffer.both {
        let first = ticket(context, offer)
        #expect(resumes(context, offer, first))
    }
}

@Test func clientsWithoutTicketsResumeByTheirId() throws {
    let context = try TestServer().context()
    var offer = ClientOffer.tls12
    offer.takesTickets = false
    #expect(resumes(context, offer, ticket(context, offer)))
}

@Test func ticketsResumeAcrossReloadsUntilTheirKeyIsGone() throws {
    for offer in ClientOffer.both {
        let server = TestServer()
        let store = try TLSCertificateStore(server.configuration)
        let first = ticket(store.context, offer)
        for reload in 1...3 {
            server.renew("server-\(reload + 1)")
            try store.reload()
            #expect(resumes(store.context, offer, first) == (reload < 3))
        }
    }
}

@Test func ticketKeysRotateDailyWithoutAReload() throws {
    for offer in ClientOffer.both {
        let server = TestServer()
        let store = try TLSCertificateStore(server.configuration)
        let day = Limits.standard.tlsTicketKeySeconds
        #expect(day == 86_400)
        let first = ticket(store.context, offer)
        // The first call only learns the time.
        let isFirst = store.rotateKeys(now: 1_000)
        #expect(!isFirst && !store.rotateKeys(now: 1_000 + day - 1))
        for rotation in 1...3 {
            let due = 1_000 + rotation * day
            #expect(store.rotateKeys(now: due))
            #expect(!store.rotateKeys(now: due))
            #expect(resumes(store.context, offer, first) == (rotation < 3))
            // A ticket of now resumes whatever the age of the others.
            #expect(resumes(store.context, offer, ticket(store.context, offer)))
        }
        withExtendedLifetime(server) {}
    }
}

@Test func ticketKeysRotateWhileTheFilesAreNoGood() throws {
    let server = TestServer()
    let store = try TLSCertificateStore(server.configuration)
    #expect(!store.rotateKeys(now: 0))
    let first = ticket(store.context, .tls12)
    server.folder.write("nonsense", to: "server.crt")
    #expect(throws: TLSError.self) { try store.reload() }
    for day in 1...3 { #expect(store.rotateKeys(now: day * 86_400)) }
    #expect(!resumes(store.context, .tls12, first))
    withExtendedLifetime(server) {}
}

@Test func ticketsOfAnotherServerDoNotResume() throws {
    let ours = try TestServer().context()
    let other = try TestServer().context()
    for offer in ClientOffer.both { #expect(!resumes(ours, offer, ticket(other, offer))) }
}

@Test func resumptionCanBeOff() throws {
    let server = TestServer()
    server.configuration.sessionResumption = false
    let context = try server.context()
    for offer in ClientOffer.both { #expect(!resumes(context, offer, ticket(context, offer))) }
}

@Test func aResumedClientKeepsItsSubject() throws {
    let server = TestServer(.required)
    let context = try server.context()
    for var offer in ClientOffer.both {
        offer.identity = TestIdentity("robot", issuer: server.authority)
        let first = ticket(context, offer)
        let pair = TestPair(context, offer, resuming: first).run()
        #expect(pair.session.isResumed)
        #expect(pair.session.clientSubject == "CN=robot,O=Martlet")
    }
}

/// Its certificate is not looked at again, so an authority that is no longer trusted must end it.
@Test func aClientDoesNotResumeUnderOtherAuthorities() throws {
    for var offer in ClientOffer.both {
        let server = TestServer(.required)
        let store = try TLSCertificateStore(server.configuration)
        offer.identity = TestIdentity("robot", issuer: server.authority)
        let first = ticket(store.context, offer)
        server.folder.write(
            TestIdentity("New", isAuthority: true).certificateText, to: "clients.crt")
        try store.reload()
        let pair = TestPair(store.context, offer, resuming: first).run()
        #expect(pair.outcome == .failed(.clientCertificateUntrusted))
        #expect(pair.session.clientSubject == nil)
    }
}
