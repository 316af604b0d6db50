import HTTP
import HTTPServer
import Primitives
import Testing

@Test func aTicketIsGoodAtItsTimeForItsModelOnly() {
    let limits = Limits()
    let ticket = RetrySeal.ticket(dueMilliseconds: 10_000, model: 3)
    func isGood(_ ticket: RetryTicket, model: Int = 3, at now: UInt64 = 10_000) -> Bool {
        RetrySeal.isGood(ticket, model: model, nowMilliseconds: now, limits: limits)
    }
    #expect(isGood(ticket))
    #expect(isGood(ticket, at: 9_950))
    #expect(!isGood(ticket, at: 9_900))
    #expect(isGood(ticket, at: 20_000))
    #expect(!isGood(ticket, at: 20_001))
    #expect(!isGood(ticket, model: 4))
    #expect(!isGood(RetryTicket(due: 9_999, seal: ticket.seal)))
    #expect(!isGood(RetryTicket(due: 10_000, seal: ticket.seal ^ 1)))
    #expect(!isGood(RetryTicket(due: .max, seal: 0)))
}
