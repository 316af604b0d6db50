import Serving
import Testing

private func request(_ unit: Int, _ deadline: UInt64, rows: Int = 1, shape: Int = 0)
    -> WaitingRequest
{
    WaitingRequest(unit: unit, arrival: 0, deadline: deadline, rows: rows, shape: shape)
}

@Test func equalDeadlinesKeepTheirOrder() {
    var line = WaitingLine()
    for unit in 0..<10 { line.insert(request(unit, UInt64(unit / 3))) }
    line.insert(request(10, 1))
    var units: [Int] = []
    while !line.isEmpty { units.append(line.removeFirst().unit) }
    #expect(units == [0, 1, 2, 3, 4, 5, 10, 6, 7, 8, 9])
}

@Test(arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
func aLineBehavesLikeASortedArray(seed: UInt64) {
    var random = SeededRandom(seed)
    var line = WaitingLine()
    var model: [WaitingRequest] = []
    for unit in 0..<3_000 {
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<6:
            let one = request(
                unit, UInt64.random(in: 0..<50, using: &random) + UInt64(unit / 10),
                rows: Int.random(in: 1...5, using: &random),
                shape: Int.random(in: 0..<3, using: &random))
            line.insert(one)
            let place = model.firstIndex { $0.deadline > one.deadline } ?? model.count
            model.insert(one, at: place)
        case 6:
            guard let first = model.first else { continue }
            let removed = line.removeFirst()
            #expect(removed == first)
            model.removeFirst()
        case 7:
            guard let one = model.randomElement(using: &random) else { continue }
            let removed = line.remove(unit: one.unit)
            let again = line.remove(unit: one.unit)
            #expect(removed == one)
            #expect(again == nil)
            model.removeAll { $0.unit == one.unit }
        default:
            let shape = Int.random(in: 0..<3, using: &random)
            let limit = Int.random(in: 1...20, using: &random)
            var expected: [WaitingRequest] = []
            var left = limit
            for one in model where one.shape == shape {
                guard one.rows <= left else { break }
                left -= one.rows
                expected.append(one)
            }
            #expect(line.rows(shape: shape, limit: limit) == limit - left)
            #expect(line.first(shape: shape) == model.first { $0.shape == shape })
            var room = limit
            var taken: [WaitingRequest] = []
            line.take(shape: shape, room: &room, into: &taken)
            #expect(taken == expected)
            #expect(room == left)
            model.removeAll { one in expected.contains { $0.unit == one.unit } }
        }
        let deadline = UInt64(unit / 10 + 20)
        let ahead = model.reduce(0) { $0 + ($1.deadline <= deadline ? $1.rows : 0) }
        #expect(line.rowsAhead(of: deadline) == ahead)
        #expect(line.rows == model.reduce(0) { $0 + $1.rows })
        #expect((0..<line.count).map { line[$0] } == model)
    }
}
