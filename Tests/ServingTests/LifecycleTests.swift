import Serving
import Testing

/// A life that was led to a phase by legal events.
private func life(_ phase: Lifecycle.Phase) throws -> Lifecycle {
    var life = Lifecycle(now: 0)
    let events: [Lifecycle.Event] =
        switch phase {
        case .found: []
        case .loading: [.load]
        case .warming: [.load, .loaded]
        case .ready: [.load, .loaded, .warmedUp]
        case .draining: [.load, .loaded, .warmedUp, .withdraw]
        case .gone: [.withdraw]
        case .failed(let reason): [.fail(reason)]
        }
    for (time, event) in events.enumerated() { _ = try life.handle(event, now: UInt64(time)) }
    #expect(life.phase == phase)
    return life
}

private let phases: [Lifecycle.Phase] = [
    .found, .loading, .warming, .ready, .draining, .gone, .failed("x"),
]
private let events: [Lifecycle.Event] = [
    .load, .loaded, .warmedUp, .fail("y"), .withdraw, .released,
]

/// Every event that is legal, with what it leads to and asks for. What is not here is refused.
private let table: [String: (Lifecycle.Phase, Lifecycle.Action)] = [
    "found load": (.loading, .load),
    "found fail": (.failed("y"), .report),
    "found withdraw": (.gone, .nothing),
    "loading loaded": (.warming, .warmUp),
    "loading fail": (.failed("y"), .report),
    "loading withdraw": (.gone, .free),
    "warming warmedUp": (.ready, .publish),
    "warming fail": (.failed("y"), .report),
    "warming withdraw": (.gone, .free),
    "ready withdraw": (.draining, .unpublish),
    "draining released": (.gone, .free),
    "failed load": (.loading, .load),
    "failed fail": (.failed("y"), .report),
    "failed withdraw": (.gone, .nothing),
]

private func word(_ event: Lifecycle.Event) -> String {
    switch event {
    case .load: "load"
    case .loaded: "loaded"
    case .warmedUp: "warmedUp"
    case .fail: "fail"
    case .withdraw: "withdraw"
    case .released: "released"
    }
}

@Test func everyEventInEveryPhaseDoesWhatTheTableSays() throws {
    var legal = 0
    for phase in phases {
        for event in events {
            var life = try life(phase)
            let before = life
            if let (next, action) = table["\(phase.name) \(word(event))"] {
                legal += 1
                #expect(try life.handle(event, now: 99) == action)
                #expect(life.phase == next)
                #expect(life.since == 99)
            } else {
                #expect {
                    try life.handle(event, now: 99)
                } throws: { error in
                    let refused = error as? Lifecycle.Refused
                    return refused?.phase == phase && refused?.event == event
                }
                #expect(life == before)
            }
        }
    }
    #expect(legal == table.count)
}

@Test func aWholeLifeAsksForEachStepInTurn() throws {
    var life = Lifecycle(now: 1)
    var actions: [Lifecycle.Action] = []
    for event: Lifecycle.Event in [
        .load, .fail("once"), .load, .loaded, .warmedUp, .withdraw, .released,
    ] {
        actions.append(try life.handle(event, now: life.since + 1))
    }
    #expect(actions == [.load, .report, .load, .warmUp, .publish, .unpublish, .free])
    #expect(life.phase == .gone)
    #expect(life.since == 8)
}
