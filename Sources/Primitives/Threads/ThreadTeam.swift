import CLinux
import Synchronization

/// Work that a team's threads share: `perform` is called once a part, by several threads at once.
public protocol TeamWork: AnyObject, Sendable {
    func perform(part: Int, of parts: Int)
}

/// Helper threads that compute parts of one thing together with whoever called them.
///
/// It starts no thread: each helper is a thread of the program's that stays in `help` until `stop`. A team
/// serves one caller at a time (`take`); who finds it taken computes alone, so that a process with
/// as many callers as processors never has more threads running than it was given. Parts are assigned by
/// number, part p to lane p, so that a lane finds its data in its own cache; a part that its helper has
/// not begun when the caller is done with its own (it sleeps, or other processes have its processor) the
/// caller takes over, so that nobody ever waits for a thread that does nothing. Between two calls a
/// helper looks for work for `spinNanoseconds`, then sleeps: an idle team costs nothing.
///
/// SAFETY: `work` is written by the thread that holds the team, before the generation moves on
/// (releasing), and read by helpers that saw that (acquiring) and then took the ticket of that generation:
/// the holder, which cannot take it any more, waits for those before it writes again.
public final class ThreadTeam: @unchecked Sendable {
    /// How long a helper looks for work, and a caller for the last helper, before they sleep.
    private static let spinNanoseconds: UInt64 = 40_000
    /// Looks between two readings of the clock.
    private static let looks = 64

    private final class Helper: Sendable {
        let isAsleep = Atomic<Bool>(false)
        let wakeup: Wakeup
        /// The generation in which the helper has a part that nobody has begun; 0: none. Written by the
        /// holder before the generation; whoever replaces it by 0 computes the part.
        let ticket = Atomic<UInt64>(0)

        init() throws(SystemError) { wakeup = try Wakeup(.counted) }

        /// Whether the part of this generation is the calling thread's now.
        func claim(_ generation: UInt64) -> Bool {
            ticket.compareExchange(
                expected: generation, desired: 0, ordering: .acquiringAndReleasing
            ).exchanged
        }
    }

    private let helpers: [Helper]
    private let isTaken = Atomic<Bool>(false)
    private let isStopped = Atomic<Bool>(false)
    /// Moves on with each piece of work; the low byte says how many parts that has.
    private let generation = Atomic<UInt64>(0)
    private static let partBits: UInt64 = 8
    /// Parts of the current piece that are not finished, but for the caller's own.
    private let pending = Atomic<Int>(0)
    private let isCallerAsleep = Atomic<Bool>(false)
    private let callerWakeup: Wakeup
    private var work: (any TeamWork)?

    /// The team of this process, if it has one.
    private static let installed = Mutex<ThreadTeam?>(nil)
    private static let isInstalled = Atomic<Bool>(false)

    /// The team whose help models may take. Nearly free where there is none.
    public static var shared: ThreadTeam? {
        isInstalled.load(ordering: .acquiring) ? installed.withLock { $0 } : nil
    }

    /// Makes a team the process's own, before models are loaded; nil takes it away.
    public static func install(_ team: ThreadTeam?) {
        installed.withLock { $0 = team }
        isInstalled.store(team != nil, ordering: .releasing)
    }

    /// Lanes of the process's team, for memory that each of them needs.
    public static var laneCountMax: Int { shared?.laneCount ?? 1 }

    /// - Parameter laneCount: threads that compute at once: the caller and `laneCount - 1` helpers.
    public init(laneCount: Int) throws(SystemError) {
        precondition(
            laneCount > 0 && laneCount < 256, "the caller is a lane, and a byte counts them")
        var helpers: [Helper] = []
        for _ in 1..<laneCount { helpers.append(try Helper()) }
        self.helpers = helpers
        callerWakeup = try Wakeup(.counted)
    }

    /// The caller's lane and the helpers'.
    public var laneCount: Int { helpers.count + 1 }

    /// Whether the calling thread holds the team from now on, until `giveBack`. Never one that gives way
    /// (`ThreadPriority`): requests would compute alone for as long as it waits for a processor.
    public func take() -> Bool {
        guard !ThreadPriority.givesWay else { return false }
        return
            isTaken.compareExchange(
                expected: false, desired: true, ordering: .acquiringAndReleasing
            ).exchanged
    }

    public func giveBack() { isTaken.store(false, ordering: .releasing) }

    /// Computes `parts` parts, at most `laneCount`, and returns when all are done. The caller holds the
    /// team. Allocates nothing.
    public func run(_ work: any TeamWork, parts: Int) {
        precondition(parts <= laneCount, "a part a lane")
        if parts <= 1 {
            if parts == 1 { work.perform(part: 0, of: 1) }
            return
        }
        self.work = work
        pending.store(parts - 1, ordering: .relaxed)
        let last = generation.load(ordering: .relaxed) >> Self.partBits
        let next = (last + 1) << Self.partBits | UInt64(parts)
        for helper in helpers[..<(parts - 1)] { helper.ticket.store(next, ordering: .relaxed) }
        generation.store(next, ordering: .sequentiallyConsistent)
        for helper in helpers[..<(parts - 1)]
        where helper.isAsleep.load(ordering: .sequentiallyConsistent) {
            helper.wakeup.raise()
        }
        work.perform(part: 0, of: parts)
        // From the last on: the first helpers were woken first.
        for index in stride(from: parts - 2, through: 0, by: -1) where helpers[index].claim(next) {
            work.perform(part: index + 1, of: parts)
            pending.subtract(1, ordering: .sequentiallyConsistent)
        }
        waitForHelpers()
        self.work = nil
    }

    private func waitForHelpers() {
        if spin({ pending.load(ordering: .acquiring) == 0 }) { return }
        while true {
            isCallerAsleep.store(true, ordering: .sequentiallyConsistent)
            if pending.load(ordering: .sequentiallyConsistent) == 0 { break }
            callerWakeup.take()
        }
        isCallerAsleep.store(false, ordering: .sequentiallyConsistent)
    }

    /// A helper's life: returns after `stop`. `index` counts from 0 to `laneCount - 2`.
    public func help(_ index: Int) {
        let helper = helpers[index]
        var seen: UInt64 = 0
        while true {
            let hasWork = spin { generation.load(ordering: .acquiring) != seen }
            if !hasWork {
                helper.isAsleep.store(true, ordering: .sequentiallyConsistent)
                while generation.load(ordering: .sequentiallyConsistent) == seen {
                    if isStopped.load(ordering: .sequentiallyConsistent) { return }
                    helper.wakeup.take()
                }
                helper.isAsleep.store(false, ordering: .sequentiallyConsistent)
            }
            if isStopped.load(ordering: .acquiring) { return }
            seen = generation.load(ordering: .acquiring)
            let parts = Int(seen & (1 << Self.partBits - 1))
            guard index + 1 < parts, helper.claim(seen), let work else { continue }
            work.perform(part: index + 1, of: parts)
            if pending.subtract(1, ordering: .sequentiallyConsistent).newValue == 0,
                isCallerAsleep.load(ordering: .sequentiallyConsistent)
            {
                callerWakeup.raise()
            }
        }
    }

    /// Lets the helpers return. Nobody holds the team any more.
    public func stop() {
        isStopped.store(true, ordering: .sequentiallyConsistent)
        generation.add(1 << Self.partBits, ordering: .sequentiallyConsistent)
        for helper in helpers { helper.wakeup.raise() }
    }

    /// Looks again and again for a while; false when it did not come true.
    @inline(__always)
    private func spin(_ condition: () -> Bool) -> Bool {
        let end = MonotonicClock.nanoseconds + Self.spinNanoseconds
        repeat {
            for _ in 0..<Self.looks {
                if condition() { return true }
                martlet_pause()
            }
        } while MonotonicClock.nanoseconds < end
        return false
    }
}
