import HTTP
import Models
import Primitives
import Serving

/// Which model, version, output and formats a prediction request means.
extension ServerLoop {
    /// Finds the model a path or query names, else the default model.
    func findModel(_ match: RouteMatch, _ bytes: Span<UInt8>) throws(Refusal) -> RegisteredModel {
        let snapshot = catalog.snapshot
        guard let name = match.model else {
            if let index = snapshot.defaultModel { return snapshot.models[index] }
            guard !snapshot.models.isEmpty else {
                throw Refusal(503, "not_ready", "no model is loaded yet", retryAfterSeconds: 1)
            }
            let names = snapshot.models.prefix(5).map(\.name).joined(separator: ", ")
            throw Refusal(
                400, "model_required",
                "several models are served and none is the default: name one of \(names) with "
                    + "?model=NAME or POST /models/NAME/predict")
        }
        if let index = snapshot.index(of: bytes.extracting(name)) { return snapshot.models[index] }
        if let decoded = Router.decoded(bytes, name), let index = snapshot.index(of: decoded.span) {
            return snapshot.models[index]
        }
        guard snapshot.isComplete else {
            throw Refusal(
                503, "not_ready",
                "the server has just started and '\(Router.shown(bytes, name))' is not loaded yet",
                retryAfterSeconds: 1)
        }
        throw Refusal(
            404, "model_not_found",
            "no model is named '\(Router.shown(bytes, name))'; GET /models lists what is served")
    }

    func findVersion(
        _ match: RouteMatch, _ bytes: Span<UInt8>
    ) throws(Refusal) -> ModelVersion {
        let model = try findModel(match, bytes)
        if let label = match.label { return try findLabel(model, label, bytes) }
        guard let wanted = match.version else {
            if let canary = model.canary, takesCanary(canary, bytes) { return canary.version }
            if let version = model.defaultVersion { return version }
            guard let last = model.versions.last else {
                throw Refusal(404, "model_not_found", "model '\(model.name)' has no version")
            }
            throw unavailable(model, last)
        }
        // A version may be named by its label, too; the two never look alike.
        if let version = model.version(labelled: bytes.extracting(wanted)) { return version }
        let version = try findVersion(model, wanted, bytes)
        guard let ready = version.state.ready else { throw unavailable(model, version) }
        return ready
    }

    func findVersion(
        _ model: RegisteredModel, _ wanted: Range<Int>, _ bytes: Span<UInt8>
    ) throws(Refusal) -> RegisteredModel.Version {
        for version in model.versions where Self.equal(version.version, bytes, wanted) {
            return version
        }
        throw Refusal(
            404, "version_not_found",
            "model '\(model.name)' has no version '\(Router.shown(bytes, wanted))'")
    }

    func unavailable(
        _ model: RegisteredModel, _ version: RegisteredModel.Version
    ) -> Refusal {
        switch version.state {
        case .found, .draining:
            Refusal(
                503, "model_not_loaded",
                "model '\(model.name)' version \(version.version) is not loaded")
        case .failed(let reason):
            Refusal(
                503, "model_failed",
                "model '\(model.name)' version \(version.version) could not be loaded: \(reason)")
        case .loading, .warming, .ready:
            Refusal(
                503, "model_loading",
                "model '\(model.name)' version \(version.version) is \(version.state.name)",
                retryAfterSeconds: 1)
        }
    }

    /// The ready version that a label stands at.
    func findLabel(
        _ model: RegisteredModel, _ label: Range<Int>, _ bytes: Span<UInt8>
    ) throws(Refusal) -> ModelVersion {
        if let version = model.version(labelled: bytes.extracting(label)) { return version }
        if let decoded = Router.decoded(bytes, label),
            let version = model.version(labelled: decoded.span)
        {
            return version
        }
        let known = model.labels.map(\.label).joined(separator: ", ")
        throw Refusal(
            404, "label_not_found",
            "no version of model '\(model.name)' has the label '\(Router.shown(bytes, label))'"
                + (known.isEmpty ? "" : "; its labels are \(known)"))
    }

    /// Whether a request without version and label goes to the canary: by its sticky field, else by
    /// chance.
    func takesCanary(_ canary: CanaryRoute, _ bytes: Span<UInt8>) -> Bool {
        if let name = canary.stickyHeader, let value = head.value(of: name.span, in: bytes) {
            return canary.takes(key: bytes.extracting(value))
        }
        return canary.takes(random: nextRandom())
    }

    private static func equal(_ text: String, _ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        let utf8 = text.utf8
        guard utf8.count == range.count else { return false }
        var index = range.lowerBound
        for byte in utf8 {
            guard byte == bytes[index] else { return false }
            index += 1
        }
        return true
    }

    func findOutput(
        _ version: ModelVersion, _ bytes: Span<UInt8>, _ name: Range<Int>
    ) throws(Refusal) -> Int {
        let outputs = version.signature.outputs
        let answered = catalog.served(version).presentation.answered
        let decoded = Router.decoded(bytes, name).map { String(decoding: $0, as: UTF8.self) } ?? ""
        guard let index = answered.first(where: { outputs[$0].name == decoded }) else {
            let views = version.views.filter { $0.question == .output }.map(\.name)
            let names = (answered.map { outputs[$0].name } + views).joined(separator: ", ")
            throw Refusal(
                400, "unknown_output",
                "model '\(version.name)' has no output '\(Router.shown(bytes, name))'; it has \(names)"
            )
        }
        return index
    }

    /// The view of a model with this name.
    static func view(
        _ version: ModelVersion, _ question: ModelView.Question, _ bytes: Span<UInt8>,
        _ name: Range<Int>
    ) -> ModelVersion? {
        version.views.first { $0.question == question && equal($0.name, bytes, name) }?.version
    }

    func findExplanation(
        _ version: ModelVersion, _ bytes: Span<UInt8>, _ name: Range<Int>
    ) throws(Refusal) -> ModelVersion {
        if let view = Self.view(version, .explanation, bytes, name) { return view }
        let names = version.views.filter { $0.question == .explanation }.map(\.name)
        throw Refusal(
            400, "unknown_explanation",
            names.isEmpty
                ? "model '\(version.name)' cannot explain its predictions"
                    + (version.model.unexplained.map { ": " + $0 } ?? "")
                : "model '\(version.name)' has no explanation '\(Router.shown(bytes, name))'; it has "
                    + names.joined(separator: ", "))
    }

    /// A NumPy file holds one array: a model with several needs one to be chosen.
    func checkSingleOutput(_ version: ModelVersion) throws(Refusal) {
        let presentation = catalog.served(version).presentation
        guard presentation.defaultOutput == nil else { return }
        let names = presentation.answered.map { version.signature.outputs[$0].name }
            .joined(separator: ", ")
        throw Refusal(
            400, "output_required",
            "a NumPy file holds one array and model '\(version.name)' has several outputs: choose "
                + "one of \(names) with ?output=NAME")
    }

    // MARK: Formats

    func requestFormat(_ bytes: Span<UInt8>) throws(Refusal) -> PayloadFormat {
        guard let type = head.contentType else { return .json }
        guard let format = PayloadFormat.of(contentType: bytes.extracting(type)) else {
            throw Refusal(
                415, "unsupported_media_type",
                "Content-Type '\(Router.shown(bytes, type))' is not taken; send application/json, "
                    + "application/x-npy or text/csv, text in UTF-8")
        }
        return format
    }

    func answerFormat(_ bytes: Span<UInt8>) throws(Refusal) -> PayloadFormat {
        guard let accept = head.accept else { return .json }
        guard let format = PayloadFormat.accepted(bytes.extracting(accept)) else {
            throw Refusal(
                406, "not_acceptable",
                "nothing in Accept '\(Router.shown(bytes, accept))' can be answered; possible are "
                    + "application/json, application/x-npy and text/csv")
        }
        return format
    }
}
