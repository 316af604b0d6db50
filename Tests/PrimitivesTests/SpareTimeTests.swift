import Glibc
import Primitives
import Testing

/// Spare time with a thread of its own.
private func withSpareTime(_ body: (SpareTime) -> Void) throws {
    let spareTime = try SpareTime()
    var thread = pthread_t()
    let code = pthread_create(
        &thread, nil,
        { context in
            guard let context else { return nil }
            Unmanaged<SpareTime>.fromOpaque(context).takeRetainedValue().run()
            return nil
        }, Unmanaged.passRetained(spareTime).toOpaque())
    #expect(code == 0)
    body(spareTime)
    spareTime.stop()
    pthread_join(thread, nil)
}

@Test func workIsDoneInIdleTimeBeforeItsCallerGoesOn() throws {
    let own = pthread_self()
    var sum = 0
    var wasElsewhere = true
    var policy: Int32 = -1
    try withSpareTime { spareTime in
        for number in 1...1_000 {
            spareTime.perform {
                sum += number
                wasElsewhere = wasElsewhere && pthread_equal(pthread_self(), own) == 0
                policy = sched_getscheduler(0)
            }
        }
    }
    #expect(sum == 500_500)
    #expect(wasElsewhere)
    #expect(policy == 5)  // SCHED_IDLE, a macro of Linux's
}

/// A model that warms up must not keep the helpers of requests while it waits for a processor.
@Test func whatIsDoneInSpareTimeTakesNoTeam() throws {
    let team = try ThreadTeam(laneCount: 1)
    var wasTaken = true
    try withSpareTime { spareTime in
        spareTime.perform { wasTaken = team.take() }
    }
    #expect(!wasTaken)
    #expect(team.take())
    team.giveBack()
}

@Test func spareTimeThatNobodyUsedEnds() throws {
    try withSpareTime { _ in }
}
