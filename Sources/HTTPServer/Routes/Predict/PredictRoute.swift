import HTTP
import Models
import Primitives
import Serving
import Telemetry

extension ServerLoop {
    /// Parses a prediction request straight into a row of the open batch of its model. It is answered
    /// at the end of the turn, or when the compute pool is done with it.
    func predict(
        _ connection: Connection, _ exchange: Exchange, _ match: RouteMatch, _ bytes: Span<UInt8>,
        body: Range<Int>
    ) {
        do throws(Refusal) {
            let version = try findVersion(match, bytes)
            var exchange = exchange
            let format = try requestFormat(bytes)
            exchange.notes.format = try answerFormat(bytes)
            if let output = match.output {
                exchange.notes.output = try findOutput(version, bytes, output)
            } else if exchange.notes.format == .npy {
                try checkSingleOutput(version)
            }
            try decodeBody(connection, exchange, version, format, bytes, body)
        } catch {
            answer(connection, exchange, error)
        }
    }

    /// Decompresses the body where it is coded, then decodes it.
    private func decodeBody(
        _ connection: Connection, _ exchange: Exchange, _ version: ModelVersion,
        _ format: PayloadFormat, _ bytes: Span<UInt8>, _ body: Range<Int>
    ) throws(Refusal) {
        let coding: ContentCoding
        var plain = ByteBuffer()
        do throws(ContentCodingRefusal) {
            coding = try ContentCoding(of: head, in: bytes)
            if coding != .identity {
                swap(&plain, &inflated)
                plain.removeAll()
                try inflater.inflate(bytes.extracting(body), coding: coding, into: &plain)
            }
        } catch {
            swap(&plain, &inflated)
            throw Refusal(error)
        }
        guard coding != .identity else {
            try decode(connection, exchange, version, format, bytes.extracting(body))
            return
        }
        defer {
            // One large body does not stay resident.
            if plain.capacity > 1 << 20 { plain.release() }
            swap(&plain, &inflated)
        }
        try decode(connection, exchange, version, format, plain.span)
    }

    private func decode(
        _ connection: Connection, _ exchange: Exchange, _ version: ModelVersion,
        _ format: PayloadFormat, _ body: Span<UInt8>
    ) throws(Refusal) {
        let served = catalog.served(version)
        let rows: Int
        let batch: OpenBatch
        do throws(DecodeRefusal) {
            let shapes: [[Int]]
            if let fixed = served.staticRowShapes {
                shapes = fixed
            } else {
                shapes = try decoder.rowShapes(
                    of: body, format: format, signature: version.signature,
                    jsonDepthMax: limits.jsonDepthMax)
            }
            batch = batcher.batch(for: version, rowShapes: shapes)
            rows = try decoder.decode(
                body, format: format, signature: version.signature, columns: batch.inputs,
                firstRow: batch.rowCount, limits: limits)
        } catch {
            version.metrics.recordRejection(thread: number, .badInput)
            throw Refusal(error)
        }
        try check(rows: rows, version)
        batch.commit(
            Ticket(
                connection: connection.token, sequence: exchange.sequence,
                rowStart: batch.rowCount, rowCount: rows, parsedNanoseconds: nowNanoseconds,
                notes: exchange.notes.rawValue))
    }

    private func check(rows: Int, _ version: ModelVersion) throws(Refusal) {
        guard rows > 0 else {
            throw Refusal(400, "invalid_shape", "the request has no instances")
        }
        switch version.signature.batchDimension {
        case .dynamic: return
        case .fixed(let size):
            guard rows % size == 0 else {
                throw Refusal(
                    400, "invalid_shape",
                    "the request has \(rows) rows; the model takes a multiple of \(size)")
            }
        case .none: return
        }
    }

    // MARK: Which model

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
        throw Refusal(
            404, "model_not_found",
            "no model is named '\(Router.shown(bytes, name))'; GET /models lists what is served")
    }

    private func findVersion(
        _ match: RouteMatch, _ bytes: Span<UInt8>
    ) throws(Refusal) -> ModelVersion {
        let model = try findModel(match, bytes)
        guard let wanted = match.version else {
            if let version = model.defaultVersion { return version }
            throw unavailable(model, model.versions[model.versions.count - 1])
        }
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

    private func unavailable(
        _ model: RegisteredModel, _ version: RegisteredModel.Version
    ) -> Refusal {
        switch version.state {
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

    private func findOutput(
        _ version: ModelVersion, _ bytes: Span<UInt8>, _ name: Range<Int>
    ) throws(Refusal) -> Int {
        let outputs = version.signature.outputs
        let decoded = Router.decoded(bytes, name).map { String(decoding: $0, as: UTF8.self) } ?? ""
        guard let index = outputs.firstIndex(where: { $0.name == decoded }) else {
            let names = outputs.map(\.name).joined(separator: ", ")
            throw Refusal(
                400, "unknown_output",
                "model '\(version.name)' has no output '\(Router.shown(bytes, name))'; it has \(names)"
            )
        }
        return index
    }

    /// A NumPy file holds one array: a model with several needs one to be chosen.
    private func checkSingleOutput(_ version: ModelVersion) throws(Refusal) {
        guard catalog.served(version).presentation.defaultOutput == nil else { return }
        let names = version.signature.outputs.map(\.name).joined(separator: ", ")
        throw Refusal(
            400, "output_required",
            "a NumPy file holds one array and model '\(version.name)' has several outputs: choose "
                + "one of \(names) with ?output=NAME")
    }

    // MARK: Formats

    private func requestFormat(_ bytes: Span<UInt8>) throws(Refusal) -> PayloadFormat {
        guard let type = head.contentType else { return .json }
        guard let format = PayloadFormat.of(contentType: bytes.extracting(type)) else {
            throw Refusal(
                415, "unsupported_media_type",
                "Content-Type '\(Router.shown(bytes, type))' is not taken; send application/json, "
                    + "application/x-npy or text/csv, text in UTF-8")
        }
        return format
    }

    private func answerFormat(_ bytes: Span<UInt8>) throws(Refusal) -> PayloadFormat {
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
