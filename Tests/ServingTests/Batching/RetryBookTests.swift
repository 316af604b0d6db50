import Serving
import Testing

@Test func clientsAreSpreadOverTheTimeTheyWillTake() {
    var book = RetryBook(seed: 1)
    var waits: [UInt64] = []
    for _ in 0..<100 {
        waits.append(
            book.book(now: 0, backlog: 50e6, service: 2e6, most: 60_000_000_000))
    }
    // Behind the backlog, each two milliseconds behind the one before.
    for (index, wait) in waits.enumerated() {
        let place = 50e6 + 2e6 * Double(index + 1)
        #expect(Double(wait) >= place && Double(wait) <= place * 1.1)
    }
    // Later the line has moved on.
    let later = book.book(now: 10_000_000_000, backlog: 0, service: 2e6, most: 60_000_000_000)
    #expect(later <= 3_000_000)
}

@Test func nobodyIsSentAwayForLongerThanTheMost() {
    var book = RetryBook(seed: 2)
    var waits: [UInt64] = []
    for _ in 0..<1_000 {
        waits.append(book.book(now: 5, backlog: 1e18, service: 1e9, most: 1_000_000_000))
    }
    #expect(waits.allSatisfy { $0 >= 500_000_000 && $0 <= 1_100_000_000 })
    #expect(Set(waits).count > 900)
}
