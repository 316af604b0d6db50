import Glibc
import Primitives
import Synchronization
import Testing

/// Counts which parts were computed.
private final class Tally: TeamWork {
    let parts: [Cell]
    init(_ count: Int) { parts = (0..<count).map { _ in .init() } }
    func perform(part: Int, of parts: Int) { self.parts[part].value.add(1, ordering: .relaxed) }
}

private final class Cell: Sendable {
    let value = Atomic<Int>(0)
}

/// Helpers of a team on threads of their own.
private func withTeam(_ lanes: Int, _ body: (ThreadTeam) -> Void) throws {
    let team = try ThreadTeam(laneCount: lanes)
    var threads: [pthread_t] = []
    for index in 0..<lanes - 1 {
        let context = Unmanaged.passRetained(Start(team, index)).toOpaque()
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                let start = Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
                start.team.help(start.index)
                return nil
            }, context)
        #expect(code == 0)
        threads.append(thread)
    }
    body(team)
    team.stop()
    for thread in threads { pthread_join(thread, nil) }
}

private final class Start: Sendable {
    let (team, index): (ThreadTeam, Int)
    init(_ team: ThreadTeam, _ index: Int) { (self.team, self.index) = (team, index) }
}

@Test func aTeamComputesEachPartOnce() throws {
    for lanes in [1, 2, 3] {
        try withTeam(lanes) { team in
            #expect(team.take())
            let tally = Tally(lanes)
            var expected = Array(repeating: 0, count: lanes)
            for turn in 0..<3_000 {
                let parts = turn % lanes + 1
                team.run(tally, parts: parts)
                for part in 0..<parts { expected[part] += 1 }
                // Now and then longer than helpers look for work: they sleep and are woken.
                if turn % 500 == 0 { usleep(2_000) }
            }
            #expect(tally.parts.map { $0.value.load(ordering: .relaxed) } == expected)
            team.giveBack()
        }
    }
}

@Test func aTeamServesOneCallerAtATime() throws {
    try withTeam(2) { team in
        #expect(team.take())
        #expect(!team.take())
        team.giveBack()
        #expect(team.take())
        team.giveBack()
    }
}

/// Helpers that sleep, or whose processor others have, hold nobody up.
@Test func theCallerComputesPartsThatNobodyBegins() throws {
    let team = try ThreadTeam(laneCount: 4)
    let taken = team.take()
    #expect(taken)
    for parts in [4, 2, 3, 4] {
        let tally = Tally(parts)
        team.run(tally, parts: parts)
        #expect(tally.parts.allSatisfy { $0.value.load(ordering: .relaxed) == 1 })
    }
    team.giveBack()
}
