import Primitives

/// What operators said of one model by the management API, as far as its files do not say the same: kept
/// beside the model, so that a restart changes nothing of what is answered.
struct OperatorState: Equatable {
    /// The model as a whole is unloaded.
    var isUnloaded = false
    /// Versions that are loaded whatever the policy says, and that are not.
    var loaded: [String] = []
    var unloaded: [String] = []
    /// Where labels are to stand; nil when that is what model.json says.
    var labels: [String: String]?
    var rollback: ModelRecord.Rollback?
    /// SHA-256 of the model.json that labels and rollback were said over, empty without one: another one
    /// counts more than they.
    var configuration = ""

    init() {}

    /// Whether there is anything to keep.
    var isEmpty: Bool {
        !isUnloaded && loaded.isEmpty && unloaded.isEmpty && labels == nil && rollback == nil
    }

    /// Reads what `json` wrote. Throws, in a sentence, what is wrong with any other text.
    init(parsing text: Span<UInt8>, limits: Limits) throws(OperatorStateError) {
        let tree: JSONValue
        do throws(JSONError) {
            tree = try JSONValue(parsing: text, limits: limits)
        } catch {
            throw OperatorStateError("it is no JSON: \(error)")
        }
        guard let members = tree.members else { throw OperatorStateError("it is no object") }
        for member in members {
            switch member.key {
            case "unloaded": isUnloaded = member.value.boolean ?? false
            case "loaded_versions": loaded = try Self.versions(member, limits)
            case "unloaded_versions": unloaded = try Self.versions(member, limits)
            case "labels": labels = try Self.labels(member.value, limits)
            case "rollback": rollback = try Self.rollback(member.value)
            case "model_json": configuration = member.value.text ?? ""
            default: throw OperatorStateError("it has the unknown key '\(member.key)'")
            }
        }
    }

    private static func versions(
        _ member: JSONMember, _ limits: Limits
    ) throws(OperatorStateError) -> [String] {
        let texts = (member.value.elements ?? []).compactMap(\.text)
        guard texts.count == member.value.elements?.count, texts.allSatisfy(VersionName.isVersion),
            texts.count <= limits.modelVersionsMax
        else { throw OperatorStateError("'\(member.key)' is no list of versions") }
        return texts
    }

    private static func labels(
        _ value: JSONValue, _ limits: Limits
    ) throws(OperatorStateError) -> [String: String] {
        var labels: [String: String] = [:]
        for member in value.members ?? [] {
            guard VersionName.isLabel(member.key), let version = member.value.text,
                VersionName.isVersion(version), labels.count < limits.versionLabelsMax
            else { throw OperatorStateError("'labels' is no object of labels and versions") }
            labels[member.key] = version
        }
        return labels
    }

    private static func rollback(
        _ value: JSONValue
    ) throws(OperatorStateError) -> ModelRecord.Rollback {
        guard let version = value["version"]?.text, let newest = value["newest"]?.text,
            VersionName.isVersion(version), VersionName.isVersion(newest)
        else { throw OperatorStateError("'rollback' does not name its versions") }
        return ModelRecord.Rollback(version: version, newest: newest)
    }

    /// As it is kept: the same state is the same text.
    var json: [UInt8] {
        func list(_ versions: [String]) -> JSONValue { .array(versions.map { .string($0) }) }
        var members = [JSONMember("model_json", .string(configuration))]
        if isUnloaded { members.append(JSONMember("unloaded", .boolean(true))) }
        if !loaded.isEmpty { members.append(JSONMember("loaded_versions", list(loaded))) }
        if !unloaded.isEmpty { members.append(JSONMember("unloaded_versions", list(unloaded))) }
        if let labels {
            let sorted = labels.sorted { $0.key < $1.key }
            members.append(
                JSONMember(
                    "labels", .object(sorted.map { JSONMember($0.key, .string($0.value)) })))
        }
        if let rollback {
            members.append(
                JSONMember(
                    "rollback",
                    .object([
                        JSONMember("version", .string(rollback.version)),
                        JSONMember("newest", .string(rollback.newest)),
                    ])))
        }
        var buffer = ByteBuffer()
        buffer.append(json: .object(members))
        buffer.append("\n")
        return [UInt8](copying: buffer.span)
    }
}

/// What is wrong with a kept state, in words.
struct OperatorStateError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

extension ModelRecord {
    /// What is to be kept of this model.
    var operatorState: OperatorState {
        var state = OperatorState()
        state.isUnloaded = isHeld
        state.loaded = versions.filter(\.isPinned).map(\.version)
        state.unloaded = versions.filter(\.isHeld).map(\.version)
        let said = Dictionary(wantedLabels.map { ($0.label, $0.version) }) { $1 }
        let written = Dictionary(traffic.labels.map { ($0.label, $0.version) }) { $1 }
        if said != written { state.labels = said }
        state.rollback = rollback
        state.configuration = configurationDigest
        return state
    }

    /// Says again what was said before a restart. Versions that are gone are passed over.
    mutating func restore(_ state: OperatorState) {
        isHeld = state.isUnloaded
        for position in versions.indices {
            versions[position].isPinned = state.loaded.contains(versions[position].version)
            versions[position].isHeld = state.unloaded.contains(versions[position].version)
        }
        guard state.configuration == configurationDigest else { return }
        if let labels = state.labels {
            sayLabels(labels.sorted { $0.key < $1.key }.map { ($0, $1) })
        }
        rollback = state.rollback
    }
}
