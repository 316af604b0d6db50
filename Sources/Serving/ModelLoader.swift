import Models
import Primitives
import Telemetry

/// Brings models from their source into the registry, and out of it again: one thread's work, on which
/// no request waits.
///
/// The thread sleeps until an operator asks for something, the source changes or a version that left
/// can be freed. Everything it knows is its own; what others see is what it publishes.
public final class ModelLoader {
    /// What a loader works with.
    public struct Environment {
        public let registry: Registry
        public let metrics: ServerMetrics
        public let pool: ComputePool
        public let limits: Limits
        public let log: Log
        public let memory: MemoryBudget
        let context: LoadContext
        let spareTime: SpareTime?

        /// `spareTime` loads and warms up what comes after the first pass, unless the server is busy.
        public init(
            registry: Registry, metrics: ServerMetrics, pool: ComputePool, limits: Limits, log: Log,
            memory: MemoryBudget = .unlimited, context: LoadContext = LoadContext(),
            spareTime: SpareTime? = nil
        ) {
            self.registry = registry
            self.metrics = metrics
            self.pool = pool
            self.limits = limits
            self.log = log
            self.memory = memory
            self.context = context
            self.spareTime = spareTime
        }
    }

    let queue: LoaderQueue
    let registry: Registry
    let metrics: ServerMetrics
    let pool: ComputePool
    let limits: Limits
    let log: Log
    let memory: MemoryBudget
    let formats: [ModelFormat]
    let source: (any ModelSource)?
    let control: ModelControl
    let context: LoadContext
    private let spareTime: SpareTime?

    /// In the order of their names.
    var models: [ModelRecord] = []
    var retirement = Retirement()
    /// The first pass is done.
    private(set) var isComplete = false

    private var watch: (any SourceWatch)?
    private var isWatchComplete = false
    private var settler: ChangeSettler
    /// The source when it was last looked at as a whole.
    private var listing: [String: FoundModel] = [:]
    private var nextRescan: UInt64 = .max
    private var sourceProblem: String?
    /// Until it looks again whether versions that left can be freed.
    private var patience: Int32 = 1

    public init(
        _ environment: Environment, queue: LoaderQueue, formats: [ModelFormat],
        source: (any ModelSource)?, compiled: [CompiledModel], control: ModelControl
    ) {
        self.queue = queue
        registry = environment.registry
        metrics = environment.metrics
        pool = environment.pool
        limits = environment.limits
        log = environment.log
        memory = environment.memory
        context = environment.context
        spareTime = environment.spareTime
        self.formats = formats
        self.source = source
        self.control = control
        settler = ChangeSettler(
            quietNanoseconds: UInt64(environment.limits.settleMilliseconds) * 1_000_000)
        let now = MonotonicClock.nanoseconds
        for model in compiled {
            var record = ModelRecord(
                name: model.name, compiled: model, configuration: model.configuration)
            record.versions = [VersionRecord(version: "1", found: nil, now: now)]
            models.append(record)
        }
        models.sort { $0.name < $1.name }
    }

    /// The thread's life: the first pass, then whatever comes, until the queue is stopped.
    public func run() {
        start()
        // The first pass ran at full priority, since nothing can be answered before it.
        ThreadPriority.lower()
        while !queue.isStopped { turn() }
        queue.end()
    }

    /// The first pass: everything that is there.
    package func start() {
        if let source {
            let count = source.clean()
            if count > 0 { log.info("\(count) left by interrupted uploads or removals: removed") }
            if control == .watch { watch = source.makeWatch() }
        }
        reconcile(nil, force: false)
        for index in models.indices where models[index].compiled != nil { bring(index) }
        isComplete = true
        if control == .watch { nextRescan = MonotonicClock.nanoseconds &+ rescanNanoseconds }
        publish()
    }

    /// Sleeps until there is something to do, `atMost` milliseconds (-1: without end), then does it.
    package func turn(atMost: Int32 = -1) {
        let timeout = self.timeout(now: MonotonicClock.nanoseconds)
        let least = atMost < 0 ? timeout : timeout < 0 ? atMost : min(timeout, atMost)
        queue.wakeup.wait(orReadable: watch?.descriptor ?? -1, timeoutMilliseconds: least)
        queue.wakeup.take()
        while !queue.isStopped, let request = queue.next() { handle(request) }
        takeEvents()
        let now = MonotonicClock.nanoseconds
        let due = settler.takeDue(now: now)
        if !due.isEmpty { reconcile(due.contains("") ? nil : Set(due), force: false) }
        if now >= nextRescan { lookAtEverything() }
        reap()
        addMissingDigest()
    }

    /// Milliseconds until something is due by itself; -1: nothing is.
    private func timeout(now: UInt64) -> Int32 {
        if missingDigest != nil { return 0 }
        var end = nextRescan
        if let next = settler.next { end = min(end, next) }
        var result: Int32 = -1
        if end != .max {
            result = end <= now ? 0 : Int32(min((end - now) / 1_000_000 + 1, 60_000))
        }
        guard !retirement.isEmpty else { return result }
        return result < 0 ? patience : min(result, patience)
    }

    // MARK: The source

    private var rescanNanoseconds: UInt64 {
        let isBlind = !isWatchComplete || sourceProblem != nil
        let milliseconds = isBlind ? limits.pollMilliseconds : limits.rescanMilliseconds
        return UInt64(milliseconds) * 1_000_000
    }

    private func takeEvents() {
        guard let watch else { return }
        let now = MonotonicClock.nanoseconds
        let isComplete = watch.take { model, isWhole in
            // The empty name stands for all models.
            settler.note(model ?? "", isWhole: isWhole, now: now)
        }
        if !isComplete { lookAtEverything() }
    }

    /// Finds what changed without being told; it is taken when it rests.
    private func lookAtEverything() {
        guard let found = scan() else { return }
        let now = MonotonicClock.nanoseconds
        let current = Dictionary(found.map { ($0.name, $0) }) { first, _ in first }
        for name in Set(current.keys).union(listing.keys) where current[name] != listing[name] {
            settler.note(name, isWhole: false, now: now)
        }
        listing = current
    }

    /// What is in the source; nil, and a line for the operator, when it cannot be looked at.
    func scan() -> [FoundModel]? {
        guard let source else { return [] }
        isWatchComplete = watch?.synchronize() ?? false
        defer {
            if nextRescan != .max {
                nextRescan = MonotonicClock.nanoseconds &+ rescanNanoseconds
            }
        }
        do throws(SystemError) {
            let found = try source.scan()
            if sourceProblem != nil { log.info("the models folder is there again") }
            sourceProblem = nil
            return found
        } catch {
            if sourceProblem != error.description {
                log.error("\(error.description); what is loaded stays")
            }
            sourceProblem = error.description
            return nil
        }
    }

    /// Makes the models of these names (nil: all) as the source has them.
    func reconcile(_ names: Set<String>?, force: Bool) {
        guard let found = scan() else { return }
        // What was not asked for stays as it was last looked at: its changes are still to be found.
        for name in names ?? Set(listing.keys) { listing[name] = nil }
        for model in found where names?.contains(model.name) ?? true { listing[model.name] = model }
        for model in found where names?.contains(model.name) ?? true { merge(model, force: force) }
        let known = Set(found.map(\.name))
        for index in models.indices
        where models[index].compiled == nil && !known.contains(models[index].name)
            && names?.contains(models[index].name) ?? true
        {
            for position in models[index].versions.indices {
                models[index].versions[position].found = nil
            }
        }
        publish()
        let changed = models.map(\.name).filter { names?.contains($0) ?? true }
        for name in changed {
            guard !queue.isStopped else { return }
            if let index = index(of: name), models[index].compiled == nil {
                bring(index, force: force)
            }
        }
        publish()
    }

    /// Does what takes processor time: in time that nobody else wants, so that no request waits for a
    /// processor; of a server that has none to spare this thread takes its part.
    func unhurried<Result>(_ work: @escaping () -> Result) -> Result {
        guard isComplete, let spareTime,
            metrics.utilization.serving < limits.spareTimeUtilizationMax
        else { return work() }
        var result: Result?
        spareTime.perform { result = work() }
        guard let result else { preconditionFailure("what was performed has a result") }
        return result
    }

    // MARK: Freeing

    /// Frees versions that nobody holds any more.
    private func reap() {
        guard !retirement.isEmpty else {
            patience = 1
            return
        }
        let freed = retirement.reap(now: MonotonicClock.nanoseconds)
        for one in freed { settle(one) }
        if !freed.isEmpty { publish() }
        guard !retirement.isEmpty else {
            if freed.contains(where: { $0.byteCount >= limits.trimBytesMin }) { Heap.trim() }
            return
        }
        // Idle loops and workers are asked to let go of what they keep for reuse.
        patience = freed.isEmpty ? min(patience * 2, 500) : 1
        registry.wakeListeners()
        pool.wakeAll()
    }

    private func settle(_ freed: Retirement.Freed) {
        guard !retirement.holds(freed.model, freed.version) else { return }
        guard let index = index(of: freed.model),
            let position = models[index].index(of: freed.version)
        else {
            metrics.removeModel(freed.model, version: freed.version)
            return
        }
        let wasDraining = models[index].versions[position].isDraining
        models[index].versions[position].isDraining = false
        if wasDraining, isComplete {
            log.info(
                "model '\(freed.model)' version \(freed.version): unloaded", model: freed.model,
                version: freed.version)
        }
        dropRemoved(index)
    }

    /// Forgets versions that are neither in the source nor loaded, and a model without versions.
    func dropRemoved(_ index: Int) {
        let name = models[index].name
        for version in models[index].versions where isGone(version, of: models[index]) {
            metrics.removeModel(name, version: version.version)
        }
        let model = models[index]
        models[index].versions.removeAll { isGone($0, of: model) }
        for version in models[index].versions where version.served == nil && !version.isDraining {
            if case .failed = version.candidate.phase { continue }
            metrics.removeModel(name, version: version.version)
        }
        if models[index].versions.isEmpty {
            metrics.removeLoads(name)
            models.remove(at: index)
        }
    }

    private func isGone(_ version: VersionRecord, of model: ModelRecord) -> Bool {
        version.found == nil && model.compiled == nil && version.served == nil
            && !version.isDraining
    }

    // MARK: Publishing

    func index(of name: String) -> Int? { models.firstIndex { $0.name == name } }

    func publish() {
        for index in models.indices { models[index].settle(depthMax: limits.rollbackDepthMax) }
        registry.publish(models.map { $0.registered(Self.seed($0.name)) }, isComplete: isComplete)
        keepStates()
    }

    /// Sets models apart, so that not the same clients are every model's canaries.
    private static func seed(_ name: String) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return hash
    }
}
