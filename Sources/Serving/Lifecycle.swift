/// The life of one model version's content: found → loading → warming → ready → draining → gone, or
/// failed with a reason. No I/O and no clock.
///
/// An event returns what is to be done next; whoever drives it does that and reports the outcome as the
/// next event. An event that cannot happen in a phase is refused and changes nothing.
public struct Lifecycle: Sendable, Equatable {
    public enum Phase: Sendable, Equatable {
        /// It lies in the source; nothing was read.
        case found
        case loading
        /// Loaded; the first runs are on.
        case warming
        /// Requests get it.
        case ready
        /// No new requests get it; those that have it finish.
        case draining
        /// Freed. The end.
        case gone
        /// Why it is not served.
        case failed(String)
    }

    public enum Event: Sendable, Equatable {
        case load, loaded, warmedUp
        case fail(String)
        /// It is not wanted any more.
        case withdraw
        /// Nobody holds it any more.
        case released
    }

    /// What the driver is to do.
    public enum Action: Sendable, Equatable {
        case load, warmUp
        /// Let requests have it, in the same step as those of its predecessor stop getting that one.
        case publish
        /// Let no new request have it, then wait until nobody holds it.
        case unpublish
        /// Give the memory back.
        case free
        /// Tell the operator, and keep serving what is served.
        case report
        case nothing
    }

    /// An event that cannot happen now.
    public struct Refused: Error, Sendable, Equatable {
        public let phase: Phase
        public let event: Event
    }

    public private(set) var phase = Phase.found
    /// When the phase began, in nanoseconds of the driver's clock.
    public private(set) var since: UInt64

    public init(now: UInt64) { since = now }

    /// Takes an event at a time (nanoseconds, not before the last event's).
    public mutating func handle(_ event: Event, now: UInt64) throws(Refused) -> Action {
        let (next, action) = try step(event)
        phase = next
        since = now
        return action
    }

    private func step(_ event: Event) throws(Refused) -> (Phase, Action) {
        switch (phase, event) {
        case (.found, .load), (.failed, .load): (.loading, .load)
        case (.loading, .loaded): (.warming, .warmUp)
        case (.warming, .warmedUp): (.ready, .publish)
        // A source can fail before anything is loaded: an unreadable file, a broken model.json.
        case (.found, .fail(let reason)), (.loading, .fail(let reason)),
            (.warming, .fail(let reason)), (.failed, .fail(let reason)):
            (.failed(reason), .report)
        case (.ready, .withdraw): (.draining, .unpublish)
        case (.found, .withdraw), (.failed, .withdraw): (.gone, .nothing)
        // Requests never had it: what was loaded so far is freed at once.
        case (.loading, .withdraw), (.warming, .withdraw): (.gone, .free)
        case (.draining, .released): (.gone, .free)
        case (.found, .loaded), (.found, .warmedUp), (.found, .released), (.loading, .load),
            (.loading, .warmedUp), (.loading, .released), (.warming, .load), (.warming, .loaded),
            (.warming, .released), (.ready, .load), (.ready, .loaded), (.ready, .warmedUp),
            (.ready, .fail), (.ready, .released), (.draining, .load), (.draining, .loaded),
            (.draining, .warmedUp), (.draining, .fail), (.draining, .withdraw), (.gone, .load),
            (.gone, .loaded), (.gone, .warmedUp), (.gone, .fail), (.gone, .withdraw),
            (.gone, .released), (.failed, .loaded), (.failed, .warmedUp), (.failed, .released):
            throw Refused(phase: phase, event: event)
        }
    }

    /// As `GET /models` and the metrics name it.
    public var name: StaticString { phase.name }
}

extension Lifecycle.Phase {
    public var name: StaticString {
        switch self {
        case .found: "found"
        case .loading: "loading"
        case .warming: "warming"
        case .ready: "ready"
        case .draining: "draining"
        case .gone: "gone"
        case .failed: "failed"
        }
    }
}
