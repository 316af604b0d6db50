import HTTP
import Models
import Primitives
import Serving

/// Changing what is served. The loader's thread does the work; a request waits for its answer as a
/// prediction waits for its batch.
extension ServerLoop {
    /// `POST /models/{name}/load`, `/unload`, `/rollback`; `PUT` and `DELETE` of a label; `DELETE` of a
    /// version.
    func manage(
        _ connection: Connection, _ exchange: Exchange, _ match: RouteMatch, _ bytes: Span<UInt8>,
        body: Range<Int>
    ) {
        do throws(Refusal) {
            try checkManagement(connection, bytes)
            let action = try action(match, bytes, body)
            let request = ManagementRequest(action, to: address(connection, exchange))
            guard management.loader.add(request) else {
                throw Refusal(
                    503, "too_many_requests_waiting", "the loader has much to do",
                    retryAfterSeconds: 1)
            }
        } catch {
            answer(connection, exchange, error)
        }
    }

    func address(_ connection: Connection, _ exchange: Exchange) -> ReplyAddress {
        ReplyAddress(
            home: mailbox, connection: connection.token, sequence: exchange.sequence,
            notes: exchange.notes.rawValue)
    }

    /// Whether this server's models may be changed by this client at all. The scope of its credential
    /// was looked at before; without credentials only the operator's own ways in are taken.
    func checkManagement(_ connection: Connection, _ bytes: Span<UInt8>) throws(Refusal) {
        guard management.control != .none else {
            throw Refusal(
                403, "management_off",
                "models are changed only when the server was started with --model-control explicit "
                    + "or watch")
        }
        guard access.policy.isRestricted || connection.isTrusted else {
            throw Refusal(
                403, "forbidden",
                "without --tokens models are changed only at --admin-listen, a loopback address or "
                    + "a Unix socket")
        }
        // A page of another origin could otherwise use a browser on the operator's own machine.
        if let origin = head.origin, crossOrigin.fields(origin: origin, in: bytes) == nil {
            throw Refusal(
                403, "forbidden", "pages of this origin may not change models (--cors-origin)")
        }
    }

    private func action(
        _ match: RouteMatch, _ bytes: Span<UInt8>, _ body: Range<Int>
    ) throws(Refusal) -> ManagementRequest.Action {
        let model = try name(match.model, bytes)
        switch match.route {
        case .load: return .load(model: model, version: try version(match.version, bytes))
        case .unload: return .unload(model: model, version: try version(match.version, bytes))
        case .rollback: return .rollback(model: model)
        case .label:
            let label = text(match.label, bytes)
            guard head.method == .put else { return .removeLabel(model: model, label: label) }
            return .setLabel(
                model: model, label: label, version: try labelled(bytes.extracting(body)))
        case .version:
            guard head.method == .delete, let version = try version(match.version, bytes) else {
                throw Refusal(400, "empty_body", "an upload needs a body: the model's file")
            }
            return .removeVersion(model: model, version: version)
        case .index, .health, .live, .ready, .metrics, .models, .model, .predict, .unknown,
            .malformed:
            preconditionFailure("a management request has a management route")
        }
    }

    /// A model's name from the path.
    func name(_ range: Range<Int>?, _ bytes: Span<UInt8>) throws(Refusal) -> String {
        let name = text(range, bytes)
        guard ModelsFolder.isName(name) else {
            throw Refusal(
                400, "bad_request",
                "a model's name is letters, digits, '.', '_' and '-', 128 at most")
        }
        return name
    }

    /// A version's number from path or query.
    func version(_ range: Range<Int>?, _ bytes: Span<UInt8>) throws(Refusal) -> String? {
        guard range != nil else { return nil }
        let version = text(range, bytes)
        guard VersionName.isVersion(version) else {
            throw Refusal(
                400, "bad_request", "a version is a number without zeros in front, such as 3")
        }
        return version
    }

    private func text(_ range: Range<Int>?, _ bytes: Span<UInt8>) -> String {
        guard let range, let decoded = Router.decoded(bytes, range) else { return "" }
        return String(decoding: decoded, as: UTF8.self)
    }

    /// `{"version": "3"}`
    private func labelled(_ body: Span<UInt8>) throws(Refusal) -> String {
        let tree: JSONValue
        do throws(JSONError) {
            tree = try JSONValue(parsing: body, limits: limits)
        } catch {
            throw Refusal(400, "invalid_json", error.message)
        }
        guard let members = tree.members, members.count == 1, let version = tree["version"]?.text,
            VersionName.isVersion(version)
        else {
            throw Refusal(400, "bad_request", "expected {\"version\": \"3\"}")
        }
        return version
    }

    /// What the loader, or the writer of an upload, came to.
    func answer(_ managed: ManagementAnswer) {
        // A client that left is not there any more; its slot has another generation.
        guard let connection = connections[managed.address.connection] else { return }
        let exchange = Exchange(
            sequence: managed.address.sequence,
            notes: ExchangeNotes(rawValue: managed.address.notes))
        endUpload(connection, exchange)
        switch managed.outcome {
        case .done(let model): answer(connection, exchange, json: .object(Self.summary(model)))
        case .stored(let model, let version): answerStored(connection, exchange, model, version)
        case .removed(let name):
            let members = [JSONMember("name", .string(name)), JSONMember("versions", .array([]))]
            answer(connection, exchange, json: .object(members))
        case .refused(let refusal):
            let seconds = refusal.kind == .busy ? 1 : nil
            answer(
                connection, exchange,
                Refusal(
                    refusal.status, refusal.code, refusal.message, retryAfterSeconds: seconds))
        }
    }
}

/// What a loop needs to have models changed.
struct ManagementAccess {
    let control: ModelControl
    let loader: LoaderQueue
    /// Nil when the source takes no uploads.
    let writer: UploadWriter?
    /// What an upload's file is called: that of the first format.
    let uploadFileName: String?
}
