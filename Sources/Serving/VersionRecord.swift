import Primitives

/// What the loader knows of one version of a model.
struct VersionRecord {
    /// Content that requests get.
    struct Served {
        let version: ModelVersion
        var life: Lifecycle
        /// What its artifact takes in the source.
        let byteCount: Int
        /// Of the content that was loaded.
        let stamps: [FileStamp]
        var digest: SHA256.Digest?
    }

    let version: String
    /// Nil when it is not in the source: compiled in, or removed and still draining.
    var found: FoundVersion?
    /// The life of the newest content, unless that is what is served.
    var candidate: Lifecycle
    /// What the candidate's content looked like when it was tried last.
    var triedStamps: [FileStamp] = []
    var served: Served?
    /// The content served before, until everybody has let go of it.
    var isDraining = false
    /// Why the last attempt to load new content failed, while the old one is served.
    var lastFailure: String?
    /// Its content could not be hashed as it was loaded; a touch is then a change.
    var isHashFutile = false
    /// The operator unloaded it: it stays out until it is asked for, or its content changes.
    var isHeld = false
    /// The operator loaded it: it is served whatever the policy says.
    var isPinned = false

    init(version: String, found: FoundVersion?, now: UInt64) {
        self.version = version
        self.found = found
        candidate = Lifecycle(now: now)
    }

    /// As a snapshot shows it.
    var state: ModelState {
        if let served { return .ready(served.version) }
        switch candidate.phase {
        case .loading: return .loading
        case .warming: return .warming
        case .failed(let reason): return .failed(reason)
        case .found, .gone, .ready, .draining: return isDraining ? .draining : .found
        }
    }

    /// Whether it has content to load: never tried, or other content than what is served or failed.
    func isOutdated(force: Bool) -> Bool {
        guard let found else {
            if served != nil { return false }
            if case .failed = candidate.phase { return force }
            return candidate.phase == .found
        }
        if let served { return served.stamps != found.stamps }
        if case .failed = candidate.phase { return force || triedStamps != found.stamps }
        return true
    }
}
