import Models
import Primitives
import Telemetry

/// One model and its versions: from what is there to what is served.
extension ModelLoader {
    /// Takes in how a model lies in its source. Nothing is loaded yet.
    func merge(_ found: FoundModel, force: Bool) {
        let now = MonotonicClock.nanoseconds
        let index: Int
        let isNew = self.index(of: found.name) == nil
        if let known = self.index(of: found.name) {
            index = known
            guard models[index].compiled == nil else {
                log.error("model '\(found.name)' is compiled in; the one in the folder is not used")
                return
            }
        } else {
            index = models.firstIndex { found.name < $0.name } ?? models.endIndex
            models.insert(
                ModelRecord(
                    name: found.name, compiled: nil,
                    configuration: ModelConfiguration(limits: limits)), at: index)
        }
        if let problem = found.problem {
            report(index, problem: problem)
            return
        }
        readConfiguration(index, found, force: force)
        for version in found.versions {
            guard let position = models[index].index(of: version.version) else {
                let place =
                    models[index].versions.firstIndex {
                        VersionName.isBefore(version.version, $0.version)
                    } ?? models[index].versions.endIndex
                models[index].versions.insert(
                    VersionRecord(version: version.version, found: version, now: now), at: place)
                continue
            }
            // New content of a version that was unloaded is a new reason to load it.
            if let old = models[index].versions[position].found, old.stamps != version.stamps {
                models[index].versions[position].isHeld = false
            }
            models[index].versions[position].found = version
        }
        let there = Set(found.versions.map(\.version))
        for position in models[index].versions.indices
        where !there.contains(models[index].versions[position].version) {
            models[index].versions[position].found = nil
        }
        if isNew { restoreState(index) }
    }

    /// Says once what is wrong with a model that goes on as it is.
    private func report(_ index: Int, problem: String) {
        guard models[index].configurationProblem != problem else { return }
        models[index].configurationProblem = problem
        metrics.recordLoad(models[index].name, isFailure: true)
        log.error(
            "model '\(models[index].name)' stays as it is: \(problem)", model: models[index].name)
    }

    private func readConfiguration(_ index: Int, _ found: FoundModel, force: Bool) {
        guard let path = found.configurationPath else {
            if models[index].configurationStamp != nil || models[index].configurationProblem != nil
            {
                models[index].configurationStamp = nil
                models[index].configurationDigest = ""
                models[index].apply(ModelConfiguration(limits: limits))
            }
            return
        }
        guard
            force || models[index].configurationStamp != found.configurationStamp
                || models[index].configurationProblem != nil
        else { return }
        let isFirst = models[index].configurationStamp == nil
        let isSame = models[index].configurationStamp == found.configurationStamp
        models[index].configurationStamp = found.configurationStamp
        do throws(ConfigurationError) {
            let configuration = try ModelConfiguration(path: path, limits: limits)
            // A file that is the same says nothing new: what the operator said since then stays.
            if isSame, models[index].configurationProblem == nil { return }
            models[index].configurationDigest = digest(ofConfiguration: path)
            models[index].apply(configuration)
        } catch {
            if isFirst, models[index].versions.allSatisfy({ $0.served == nil }) {
                // `bring` tells it of each version.
                models[index].configurationProblem = error.description
            } else {
                report(index, problem: error.description)
            }
        }
    }

    private func digest(ofConfiguration path: String) -> String {
        let bytesMax = limits.configurationBytesMax
        return (try? FileSystem.digest(of: path, byteCountMax: bytesMax))?.description ?? ""
    }

    /// Loads what is wanted and new, newest first, then lets go of what is not wanted any more. A
    /// version that failed does not push another one out.
    func bring(_ index: Int, force: Bool = false) {
        let name = models[index].name
        let wanted = models[index].wanted
        for version in wanted.reversed() {
            guard !queue.isStopped, let position = models[index].index(of: version) else {
                continue
            }
            if models[index].versions[position].isOutdated(force: force) {
                load(index, position)
            } else if let served = models[index].versions[position].served,
                !served.version.configuration.isServedAlike(models[index].configuration)
            {
                rewrap(index, position)
            }
        }
        let isWantedReady = wanted.contains { models[index].served($0) != nil }
        for position in models[index].versions.indices {
            let version = models[index].versions[position]
            guard !wanted.contains(version.version) else { continue }
            let mustLeave =
                version.isHeld || models[index].isHeld || version.found == nil || wanted.isEmpty
            if version.served != nil, isWantedReady || mustLeave { withdraw(index, position) }
            if case .failed = version.candidate.phase {
                models[index].versions[position].candidate = Lifecycle(
                    now: MonotonicClock.nanoseconds)
                models[index].versions[position].lastFailure = nil
            }
        }
        precondition(models[index].name == name, "loading moves no model")
        dropRemoved(index)
    }

    // MARK: Loading

    private func advance(
        _ index: Int, _ position: Int, _ event: Lifecycle.Event
    ) {
        do throws(Lifecycle.Refused) {
            _ = try models[index].versions[position].candidate.handle(
                event, now: MonotonicClock.nanoseconds)
        } catch {
            preconditionFailure("the loader takes one step after the other")
        }
    }

    private func load(_ index: Int, _ position: Int) {
        let record = models[index].versions[position]
        let name = models[index].name
        let digest = digestOfChange(index, position)
        if let digest, digest == record.served?.digest {
            noteTouch(index, position, digest)
            return
        }
        let begin = MonotonicClock.nanoseconds
        if record.served != nil || record.candidate.phase == .ready {
            models[index].versions[position].candidate = Lifecycle(now: begin)
        }
        models[index].versions[position].triedStamps = record.found?.stamps ?? []
        if let problem = models[index].configurationProblem,
            models[index].configurationStamp != nil,
            models[index].versions.allSatisfy({ $0.served == nil })
        {
            fail(index, position, problem)
            return
        }
        advance(index, position, .load)
        let figures = metrics.addModel(name, version: record.version)
        if record.served == nil { figures.setState(.loading) }
        publish()
        let owner = models[index]
        let made = unhurried { [self] () -> Result<any Model, ModelLoadError> in
            do throws(ModelLoadError) {
                return .success(try make(owner, record))
            } catch {
                return .failure(error)
            }
        }
        let model: any Model
        switch made {
        case .success(let loaded): model = loaded
        case .failure(let error):
            fail(index, position, error.description)
            return
        }
        advance(index, position, .loaded)
        if record.served == nil { figures.setState(.warming) }
        publish()
        // Of what was loaded, if the files did not change meanwhile.
        let isSame = record.found.map { source?.stamps(of: $0) == $0.stamps } ?? false
        finish(index, position, model, begin: begin, digest: isSame ? digest : nil)
    }

    private func make(
        _ model: ModelRecord, _ version: VersionRecord
    ) throws(ModelLoadError) -> any Model {
        let path = version.found?.path ?? ""
        let artifact = Artifact(name: model.name, version: version.version, path: path)
        if let compiled = model.compiled { return try compiled.load(artifact, context) }
        guard let format = formats.first(where: { $0.name == version.found?.format }) else {
            preconditionFailure("a found model has one of the formats it was looked for")
        }
        let byteCount = version.found?.byteCount ?? 0
        if let problem = memory.problem(loading: byteCount, factor: format.peakPerFileByte) {
            throw ModelLoadError(path: path, reason: problem)
        }
        return try format.load(artifact, context)
    }

    /// Serves a version's model under the present configuration: its memory is not loaded again.
    private func rewrap(_ index: Int, _ position: Int) {
        guard let served = models[index].versions[position].served else { return }
        let begin = MonotonicClock.nanoseconds
        models[index].versions[position].candidate = Lifecycle(now: begin)
        advance(index, position, .load)
        advance(index, position, .loaded)
        finish(index, position, served.version.model, begin: begin, digest: served.digest)
    }

    /// Warms a loaded model up and lets requests have it.
    private func finish(
        _ index: Int, _ position: Int, _ model: any Model, begin: UInt64, digest: SHA256.Digest?
    ) {
        let name = models[index].name
        let number = models[index].versions[position].version
        let configuration = models[index].configuration
        let figures = metrics.addModel(name, version: number)
        // The numbers of views stand for themselves, whatever the model's classes are called.
        var plain = configuration
        (plain.labels, plain.outputs) = ([], [])
        var views: [ModelVersion.View] = []
        for view in model.views {
            let version = ModelVersion(
                name: name, version: number, index: retirement.takeIndex(), model: view.model,
                configuration: plain, metrics: figures)
            views.append(.init(question: view.question, name: view.name, version: version))
        }
        let version = ModelVersion(
            name: name, version: number, index: retirement.takeIndex(), model: model,
            configuration: configuration, metrics: figures, views: views)
        if let problem = unhurried({ [self] in warmUp(version) }) {
            retirement.giveIndex(version.index)
            for view in views { retirement.giveIndex(view.version.index) }
            fail(index, position, problem)
            return
        }
        advance(index, position, .warmedUp)
        figures.setLoadTime(nanoseconds: MonotonicClock.nanoseconds &- begin)
        figures.setState(.ready)
        metrics.recordLoad(name, isFailure: false)
        let old = models[index].versions[position].served
        let found = models[index].versions[position].found
        models[index].versions[position].served = VersionRecord.Served(
            version: version, life: models[index].versions[position].candidate,
            byteCount: found?.byteCount ?? 0,
            stamps: models[index].versions[position].triedStamps, digest: digest)
        models[index].versions[position].lastFailure = nil
        // The one step: from here on, loops that look get the new one.
        publish()
        if let old { retire(old) }
        let seconds = Double((MonotonicClock.nanoseconds &- begin) / 1_000_000) / 1000
        if isComplete || log.format == .json {
            log.info(
                "model '\(name)' version \(number): ready after \(seconds) s", model: name,
                version: number)
        }
    }

    /// The reason why a version cannot be served, if there is one.
    private func warmUp(_ version: ModelVersion) -> String? {
        let known = version.signature.outputs.map(\.name)
        if let missing = version.configuration.outputs.first(where: { !known.contains($0) }) {
            return "model.json: outputs: the model has no '\(missing)'; it has "
                + known.joined(separator: ", ")
        }
        let seconds = UInt64(version.configuration.warmUp.seconds)
        let end = MonotonicClock.nanoseconds &+ seconds &* 1_000_000_000
        do throws(WarmUpSampleError) {
            var warmUp = try WarmUp(version, end: end)
            if let problem = warmUp.run() { return "the warm-up run failed: \(problem)" }
            let extent = warmUp.extent
            if extent.done < extent.planned {
                log.info(
                    "model '\(version.name)' version \(version.version): the warm-up ended after "
                        + "\(seconds) s with \(extent.done) of \(extent.planned) batch sizes; the "
                        + "others are planned when they first come")
            }
            return nil
        } catch {
            return "model.json: \(error.description)"
        }
    }

    private func fail(_ index: Int, _ position: Int, _ reason: String) {
        let name = models[index].name
        let version = models[index].versions[position].version
        advance(index, position, .fail(reason))
        metrics.recordLoad(name, isFailure: true)
        if models[index].versions[position].served != nil {
            models[index].versions[position].lastFailure = reason
            log.error(
                "model '\(name)' version \(version) was not replaced: \(reason)", model: name,
                version: version)
        } else {
            metrics.addModel(name, version: version).setState(.failed)
            log.error(
                "model '\(name)' version \(version) is not served: \(reason)", model: name,
                version: version)
        }
        publish()
    }

    // MARK: Leaving

    private func retire(_ served: VersionRecord.Served) {
        retirement.retire(
            served.version, life: served.life, byteCount: served.byteCount,
            now: MonotonicClock.nanoseconds)
    }

    /// Lets no new request have a version.
    func withdraw(_ index: Int, _ position: Int) {
        guard let served = models[index].versions[position].served else { return }
        models[index].versions[position].served = nil
        models[index].versions[position].isDraining = true
        models[index].versions[position].lastFailure = nil
        models[index].versions[position].candidate = Lifecycle(now: MonotonicClock.nanoseconds)
        served.version.metrics.setState(.draining)
        publish()
        retire(served)
    }

    // MARK: Content

    /// The digest of a version's content where another one is served whose content was hashed; nil where
    /// there is nothing to compare with.
    private func digestOfChange(_ index: Int, _ position: Int) -> SHA256.Digest? {
        guard models[index].versions[position].served?.digest != nil, let source,
            let found = models[index].versions[position].found
        else { return nil }
        return unhurried { try? source.digest(of: found) }
    }

    /// The files were written anew with what they held: what is served stays.
    private func noteTouch(_ index: Int, _ position: Int, _ digest: SHA256.Digest) {
        guard let served = models[index].versions[position].served,
            let found = models[index].versions[position].found
        else { return }
        models[index].versions[position].served = VersionRecord.Served(
            version: served.version, life: served.life, byteCount: served.byteCount,
            stamps: found.stamps, digest: digest)
    }

    /// A served version whose content was not hashed yet.
    var missingDigest: (index: Int, position: Int)? {
        guard control != .none else { return nil }
        for index in models.indices where models[index].compiled == nil {
            for position in models[index].versions.indices {
                let version = models[index].versions[position]
                // Unreadable since it was loaded, or about to change: not now.
                guard let served = version.served, served.digest == nil, !version.isHashFutile,
                    served.stamps == version.found?.stamps
                else { continue }
                return (index, position)
            }
        }
        return nil
    }

    /// Hashes one served version's content, in the loader's idle time: a touch can then be told from a
    /// change.
    func addMissingDigest() {
        guard let (index, position) = missingDigest, let source,
            let found = models[index].versions[position].found
        else { return }
        // Taken only if the files did not change before or meanwhile.
        let digest = unhurried { try? source.digest(of: found) }
        guard let digest, source.stamps(of: found) == found.stamps else {
            models[index].versions[position].isHashFutile = true
            return
        }
        models[index].versions[position].served?.digest = digest
        publish()
    }
}
