import HTTP
import Testing

private func parse(_ text: String) -> RetryTicket? {
    let bytes = Array(text.utf8)
    return RetryTicket(bytes.span, 0..<bytes.count)
}

@Test(arguments: [
    RetryTicket(due: 0, seal: 0), RetryTicket(due: .max, seal: .max),
    RetryTicket(due: 0x0123_4567_89AB_CDEF, seal: 0xFEDC_BA98_7654_3210),
])
func aTicketReadsBack(ticket: RetryTicket) {
    var text = ""
    let digits = ticket.text
    for index in digits.indices { text.unicodeScalars.append(Unicode.Scalar(digits[index])) }
    #expect(text.utf8.count == 32)
    #expect(parse(text) == ticket)
    #expect(parse(text.uppercased()) == ticket)
}

@Test func whatIsNoTicketIsNone() {
    #expect(parse("") == nil)
    #expect(parse(String(repeating: "0", count: 31)) == nil)
    #expect(parse(String(repeating: "0", count: 33)) == nil)
    #expect(parse(String(repeating: "0", count: 31) + "g") == nil)
}
