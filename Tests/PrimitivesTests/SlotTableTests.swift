import Primitives
import Testing

@Test func aTokenNeverFindsASuccessor() {
    var table = SlotTable<String>()
    let first = table.insert("a")
    #expect(table[first] == "a")
    #expect(table.remove(first) == "a")
    let second = table.insert("b")
    #expect(first & 0xFFFF_FFFF == second & 0xFFFF_FFFF)
    #expect(table[first] == nil)
    #expect(table.remove(first) == nil)
    #expect(table[second] == "b")
    #expect(table[999] == nil)
    #expect(table.count == 1)
}

@Test func randomInsertionsAndRemovalsAgreeWithADictionary() {
    var table = SlotTable<Int>()
    var model: [UInt64: Int] = [:]
    var dead: [UInt64] = []
    for step in 0..<20_000 {
        if Bool.random() || model.isEmpty {
            let token = table.insert(step)
            #expect(model[token] == nil)
            model[token] = step
        } else if let token = model.keys.first {
            #expect(table.remove(token) == model.removeValue(forKey: token))
            dead.append(token)
        }
    }
    #expect(table.count == model.count)
    for (token, value) in model { #expect(table[token] == value) }
    for token in dead { #expect(table[token] == nil) }
    var seen: [UInt64: Int] = [:]
    table.visit { seen[$0] = $1 }
    #expect(seen == model)
}
