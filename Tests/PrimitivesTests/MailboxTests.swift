import Primitives
import Testing

@Test func messagesArriveInOrderAndRaiseTheWakeupOnce() throws {
    let mailbox = try Mailbox<Int>()
    for value in 0..<5 { mailbox.send(value) }
    var messages: [Int] = []
    mailbox.receive(into: &messages)
    #expect(messages == [0, 1, 2, 3, 4])
    mailbox.send(9)
    mailbox.receive(into: &messages)
    #expect(messages == [9])
    mailbox.receive(into: &messages)
    #expect(messages.isEmpty)
}
