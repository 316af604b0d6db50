import Models
import Primitives
import Telemetry

/// What operators ask for.
extension ModelLoader {
    func handle(_ request: ManagementRequest) {
        let outcome: ManagementAnswer.Outcome
        do throws(ManagementRefusal) {
            outcome = try perform(request.action)
        } catch {
            outcome = .refused(error)
        }
        guard let address = request.address else { return }
        address.home.send(.managed(ManagementAnswer(address, outcome)))
    }

    private func perform(
        _ action: ManagementRequest.Action
    ) throws(ManagementRefusal) -> ManagementAnswer.Outcome {
        switch action {
        case .rescan:
            reconcile(nil, force: true)
            return .removed("")
        case .load(let model, let version):
            try load(model, version)
            return outcome(model)
        case .unload(let model, let version):
            try unload(model, version)
            return outcome(model)
        case .rollback(let model):
            try rollBack(model)
            return outcome(model)
        case .setLabel(let model, let label, let version):
            try setLabel(model, label, version)
            return outcome(model)
        case .removeLabel(let model, let label):
            let index = try find(model)
            guard models[index].wantedLabels.contains(where: { $0.label == label }) else {
                throw ManagementRefusal(
                    .labelNotFound, "model '\(model)' has no label '\(label)'")
            }
            models[index].removeLabel(label)
            publish()
            return outcome(model)
        case .removeVersion(let model, let version):
            try removeVersion(model, version)
            return outcome(model)
        case .stored(let model, let version, let loads):
            if loads {
                try load(model, version)
            } else {
                try look(at: model)
                // A watcher takes it as it takes everything that comes.
                if control == .watch, let index = index(of: model) { bring(index) }
                publish()
            }
            guard case .done(let registered) = outcome(model) else {
                throw ManagementRefusal(.storage, "model '\(model)' was removed meanwhile")
            }
            return .stored(registered, version: version)
        }
    }

    private func outcome(_ model: String) -> ManagementAnswer.Outcome {
        guard let registered = registry.snapshot.models.first(where: { $0.name == model }) else {
            return .removed(model)
        }
        return .done(registered)
    }

    private func find(_ model: String) throws(ManagementRefusal) -> Int {
        guard let index = index(of: model) else {
            throw ManagementRefusal(.modelNotFound, "no model is named '\(model)'")
        }
        return index
    }

    private func find(_ version: String, of index: Int) throws(ManagementRefusal) -> Int {
        guard let position = models[index].index(of: version) else {
            throw ManagementRefusal(
                .versionNotFound, "model '\(models[index].name)' has no version '\(version)'")
        }
        return position
    }

    /// Takes in how one model lies in the source now.
    private func look(at model: String) throws(ManagementRefusal) {
        if let index = index(of: model), models[index].compiled != nil { return }
        guard let found = scan() else {
            throw ManagementRefusal(.storage, "the models folder cannot be read; the log says why")
        }
        guard let one = found.first(where: { $0.name == model }) else {
            guard index(of: model) == nil else { return }
            throw ManagementRefusal(
                .modelNotFound, "no model is named '\(model)', neither served nor in the folder")
        }
        merge(one, force: true)
    }

    private func load(_ model: String, _ version: String?) throws(ManagementRefusal) {
        try look(at: model)
        let index = try find(model)
        models[index].isHeld = false
        if let version {
            let position = try find(version, of: index)
            guard models[index].versions[position].found != nil || models[index].compiled != nil
            else {
                throw ManagementRefusal(
                    .versionNotFound, "version \(version) of model '\(model)' has no files")
            }
            models[index].versions[position].isHeld = false
            models[index].versions[position].isPinned = true
        } else {
            for position in models[index].versions.indices {
                models[index].versions[position].isHeld = false
            }
        }
        bring(index, force: true)
        publish()
        try reportFailure(model, version)
    }

    /// Throws when what was asked for could not be loaded.
    private func reportFailure(
        _ model: String, _ version: String?
    ) throws(ManagementRefusal) {
        let index = try find(model)
        if let problem = models[index].configurationProblem {
            throw ManagementRefusal(.loadFailed, problem)
        }
        for record in models[index].versions where version == nil || record.version == version {
            if case .failed(let reason) = record.candidate.phase {
                let kept = record.served == nil ? "" : "; the old one is served"
                throw ManagementRefusal(
                    .loadFailed, "version \(record.version) of model '\(model)': \(reason)\(kept)")
            }
        }
    }

    private func unload(_ model: String, _ version: String?) throws(ManagementRefusal) {
        let index = try find(model)
        if let version {
            let position = try find(version, of: index)
            guard models[index].versions[position].served != nil else {
                throw ManagementRefusal(
                    .notLoaded, "version \(version) of model '\(model)' is not loaded")
            }
            models[index].versions[position].isHeld = true
            models[index].versions[position].isPinned = false
            withdraw(index, position)
        } else {
            models[index].isHeld = true
            bring(index)
        }
        publish()
    }

    private func rollBack(_ model: String) throws(ManagementRefusal) {
        let index = try find(model)
        guard let target = models[index].rollbackTarget else {
            throw ManagementRefusal(
                .nothingBefore, "model '\(model)' has no version before the present one")
        }
        let position = try find(target, of: index)
        if models[index].versions[position].served == nil {
            models[index].isHeld = false
            models[index].versions[position].isHeld = false
            models[index].versions[position].isPinned = true
            bring(index, force: true)
            guard let again = self.index(of: model), models[again].served(target) != nil else {
                try reportFailure(model, target)
                throw ManagementRefusal(
                    .loadFailed, "version \(target) of model '\(model)' could not be loaded")
            }
        }
        guard let now = self.index(of: model) else { return }
        models[now].versions[position].isPinned = true
        models[now].rollBack(to: target)
        publish()
        log.info("model '\(model)': rolled back to version \(target)")
    }

    private func setLabel(
        _ model: String, _ label: String, _ version: String
    ) throws(ManagementRefusal) {
        let index = try find(model)
        guard VersionName.isLabel(label) else {
            throw ManagementRefusal(
                .badRequest,
                "a label is letters, digits, '.', '_' and '-', not digits alone, 128 at most")
        }
        let position = try find(version, of: index)
        guard models[index].versions[position].served != nil else {
            throw ManagementRefusal(
                .notLoaded,
                "version \(version) of model '\(model)' is not loaded: a label moves only to one "
                    + "that is")
        }
        let labels = models[index].wantedLabels
        guard
            labels.count < limits.versionLabelsMax || labels.contains(where: { $0.label == label })
        else {
            throw ManagementRefusal(
                .badRequest, "model '\(model)' has \(labels.count) labels, as many as it may")
        }
        models[index].setLabel(label, version)
        publish()
    }

    private func removeVersion(
        _ model: String, _ version: String
    ) throws(ManagementRefusal) {
        try look(at: model)
        let index = try find(model)
        let position = try find(version, of: index)
        guard let found = models[index].versions[position].found, let source else {
            throw ManagementRefusal(
                .versionNotFound, "version \(version) of model '\(model)' has no files")
        }
        if let label = models[index].labels.first(where: { $0.version == version }) {
            throw ManagementRefusal(
                .inUse, "label '\(label.label)' stands at version \(version); move it first")
        }
        let isLast = models[index].versions.count == 1
        if models[index].defaultVersion?.version == version, !isLast {
            throw ManagementRefusal(
                .inUse, "version \(version) is the default of model '\(model)'; unload it first")
        }
        do throws(SystemError) {
            try source.remove(found, of: model)
        } catch {
            throw ManagementRefusal(.storage, error.description)
        }
        models[index].versions[position].found = nil
        bring(index)
        publish()
        log.info("model '\(model)' version \(version): removed")
    }
}
