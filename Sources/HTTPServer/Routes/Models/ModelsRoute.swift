import HTTP
import Models
import Primitives
import Serving

extension ServerLoop {
    /// `GET /models`, and `?ready=true` for those that answer and their ready versions.
    func answerModels(_ connection: Connection, _ exchange: Exchange, _ match: RouteMatch) {
        let snapshot = catalog.snapshot
        let models = snapshot.models.filter { !match.isReadyOnly || $0.defaultVersion != nil }
            .map { JSONValue.object(Self.summary($0, readyOnly: match.isReadyOnly)) }
        var members = [JSONMember("models", .array(models))]
        if let index = snapshot.defaultModel {
            members.append(JSONMember("default", .string(snapshot.models[index].name)))
        }
        answer(connection, exchange, json: .object(members))
    }

    /// `GET /models/{name}` and `GET /models/{name}/versions/{version}`
    func answerModel(
        _ connection: Connection, _ exchange: Exchange, _ match: RouteMatch, _ bytes: Span<UInt8>
    ) {
        do throws(Refusal) {
            let model = try findModel(match, bytes)
            var version = model.defaultVersion
            var members = Self.summary(model)
            if let wanted = match.version {
                let found = try findVersion(model, wanted, bytes)
                version = found.state.ready
                members = [JSONMember("name", .string(model.name))] + Self.state(found)
                if let digest = found.digest {
                    members.append(JSONMember("sha256", .string(digest.description)))
                }
            }
            members += Self.details(model, version)
            answer(connection, exchange, json: .object(members))
        } catch {
            answer(connection, exchange, error)
        }
    }

    func answer(_ connection: Connection, _ exchange: Exchange, json: JSONValue) {
        body.removeAll()
        body.append(json: json)
        body.append("\n")
        answer(connection, exchange)
    }

    static func summary(_ model: RegisteredModel, readyOnly: Bool = false) -> [JSONMember] {
        var members = [JSONMember("name", .string(model.name))]
        if !model.configuration.description.isEmpty {
            members.append(JSONMember("description", .string(model.configuration.description)))
        }
        if let version = model.defaultVersion {
            members.append(JSONMember("default_version", .string(version.version)))
        }
        let versions = model.versions.filter { !readyOnly || $0.state.ready != nil }
            .map { JSONValue.object(state($0)) }
        members.append(JSONMember("versions", .array(versions)))
        if !model.labels.isEmpty {
            let labels = model.labels.map { JSONMember($0.label, .string($0.version)) }
            members.append(JSONMember("version_labels", .object(labels)))
        }
        let traffic = model.configuration.traffic
        if let canary = model.canary, let wanted = traffic.canary {
            members.append(share("canary", canary.version, wanted.share))
        }
        if let shadow = model.shadow, let wanted = traffic.shadow {
            members.append(share("shadow", shadow.version, wanted.share))
        }
        if let problem = model.problem { members.append(JSONMember("problem", .string(problem))) }
        return members
    }

    private static func share(
        _ key: String, _ version: ModelVersion, _ share: Double
    ) -> JSONMember {
        JSONMember(
            key,
            .object([
                JSONMember("version", .string(version.version)),
                JSONMember("share", .number(share)),
            ]))
    }

    private static func state(_ version: RegisteredModel.Version) -> [JSONMember] {
        var members = [
            JSONMember("version", .string(version.version)),
            JSONMember("state", .string("\(version.state.name)")),
        ]
        if case .failed(let reason) = version.state {
            members.append(JSONMember("reason", .string(reason)))
        }
        if let failure = version.lastFailure {
            members.append(JSONMember("last_failure", .string(failure)))
        }
        return members
    }

    private static func details(_ model: RegisteredModel, _ version: ModelVersion?) -> [JSONMember]
    {
        var members: [JSONMember] = []
        if let version {
            let signature = version.signature
            let chosen = version.configuration.outputs
            let answered =
                chosen.isEmpty
                ? signature.outputs
                : chosen.compactMap { name in signature.outputs.first { $0.name == name } }
            members.append(
                JSONMember(
                    "signature",
                    .object([
                        JSONMember("inputs", .array(signature.inputs.map(spec))),
                        JSONMember("outputs", .array(answered.map(spec))),
                    ])))
        }
        let configuration = model.configuration
        members.append(
            JSONMember(
                "batching",
                .object([
                    JSONMember(
                        "max_batch_size", .integer(Int64(configuration.batching.batchSizeMax)))
                ])))
        if !configuration.labels.isEmpty {
            members.append(JSONMember("labels", .array(configuration.labels.map { .string($0) })))
        }
        if let sample = configuration.sample { members.append(JSONMember("sample", sample)) }
        return members
    }

    private static func spec(_ spec: TensorSpec) -> JSONValue {
        .object([
            JSONMember("name", .string(spec.name)),
            JSONMember("dtype", .string(spec.dataType.name)),
            JSONMember("shape", .array(spec.shape.map { .integer(Int64($0)) })),
        ])
    }
}
