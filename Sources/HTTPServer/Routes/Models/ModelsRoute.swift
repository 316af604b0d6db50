import HTTP
import Models
import Primitives
import Serving

extension ServerLoop {
    /// `GET /models`
    func answerModels(_ connection: Connection, _ exchange: Exchange) {
        let snapshot = catalog.snapshot
        var members = [
            JSONMember("models", .array(snapshot.models.map { .object(Self.summary($0)) }))
        ]
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

    private static func summary(_ model: RegisteredModel) -> [JSONMember] {
        var members = [JSONMember("name", .string(model.name))]
        if !model.configuration.description.isEmpty {
            members.append(JSONMember("description", .string(model.configuration.description)))
        }
        if let version = model.defaultVersion {
            members.append(JSONMember("default_version", .string(version.version)))
        }
        let versions = model.versions.map { JSONValue.object(state($0)) }
        members.append(JSONMember("versions", .array(versions)))
        return members
    }

    private static func state(_ version: RegisteredModel.Version) -> [JSONMember] {
        var members = [
            JSONMember("version", .string(version.version)),
            JSONMember("state", .string("\(version.state.name)")),
        ]
        if case .failed(let reason) = version.state {
            members.append(JSONMember("reason", .string(reason)))
        }
        return members
    }

    private static func details(_ model: RegisteredModel, _ version: ModelVersion?) -> [JSONMember]
    {
        var members: [JSONMember] = []
        if let signature = version?.signature {
            members.append(
                JSONMember(
                    "signature",
                    .object([
                        JSONMember("inputs", .array(signature.inputs.map(spec))),
                        JSONMember("outputs", .array(signature.outputs.map(spec))),
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
