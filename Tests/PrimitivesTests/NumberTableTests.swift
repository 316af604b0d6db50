import Primitives
import Testing

@Suite struct NumberTableTests {
    /// Against a dictionary: random inserts and removals of rising numbers with gaps, so that slots
    /// collide, wrap around and move back.
    @Test(arguments: [1, 2, 7, 64, 512])
    func findsWhatADictionaryFinds(openMax: Int) {
        var random = SystemRandomNumberGenerator()
        var table = NumberTable<Int>()
        var expected: [Int32: Int] = [:]
        var largest: Int32 = 1
        for step in 0..<4000 {
            if expected.count < openMax, Bool.random(using: &random) {
                largest += 2 * Int32.random(in: 1...(step % 5 == 0 ? 40 : 2), using: &random)
                table.insert(step, at: largest)
                expected[largest] = step
            } else if let number = expected.keys.randomElement(using: &random) {
                let removed = table.remove(number)
                #expect(removed == expected.removeValue(forKey: number))
            }
            let unknown = largest + 2
            #expect(table[unknown] == nil)
            #expect(table.count == expected.count)
        }
        for (number, value) in expected { #expect(table[number] == value) }
        #expect(table.values.sorted() == expected.values.sorted())
        #expect(table.isEmpty == expected.isEmpty)
    }

    @Test func aNumberThatIsNotThereIsNotRemoved() {
        var table = NumberTable<String>()
        #expect(table.remove(3) == nil)
        table.insert("first", at: 1)
        // The same home in a table of sixteen.
        table.insert("second", at: 33)
        #expect(table.remove(65) == nil)
        #expect(table.remove(1) == "first")
        #expect(table[33] == "second")
        #expect(table.count == 1)
    }
}
