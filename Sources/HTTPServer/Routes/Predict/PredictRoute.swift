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
        body: Range<Int>, client: UInt64
    ) {
        do throws(Refusal) {
            var version = try findVersion(match, bytes)
            noteModel(connection, exchange, version)
            var exchange = exchange
            let format = try requestFormat(bytes)
            exchange.notes.format = try answerFormat(bytes)
            if let explanation = match.explanation {
                version = try findExplanation(version, bytes, explanation)
            }
            if let output = match.output {
                let view = Self.view(version, .output, bytes, output)
                version = view ?? version
                if view == nil { exchange.notes.output = try findOutput(version, bytes, output) }
            } else if exchange.notes.format == .npy {
                try checkSingleOutput(version)
            }
            var ticket = try ticket(connection, exchange, version, bytes)
            if let admission = batcher.refusal(version, ticket: ticket, now: nowNanoseconds),
                let refusal = refusal(admission, version, ticket, now: nowNanoseconds)
            {
                throw refusal
            }
            guard let counted = shared.clientsInFlight.begin(client) else {
                throw tooManyInFlight()
            }
            ticket.client = counted
            let began = MonotonicClock.nanoseconds
            do throws(Refusal) {
                try decodeBody(ticket, version, format, bytes, body)
            } catch {
                shared.clientsInFlight.end(counted)
                throw error
            }
            version.metrics.recordDecode(
                thread: number, nanoseconds: MonotonicClock.nanoseconds &- began)
        } catch {
            answer(connection, exchange, error)
        }
    }

    /// The answer to a client that waits for as many predictions as it may. Its next place is free when
    /// one of them is answered, which nobody can say; a second is HTTP's shortest time.
    private func tooManyInFlight() -> Refusal {
        metrics.count(loop: number, .clientLimited)
        return Refusal(
            429, "client_limit",
            "this client may wait for \(limits.clientRequestsInFlight) predictions at a time",
            retryAfterSeconds: 1)
    }

    /// What is known of a request before its body is looked at; its place in a batch comes later.
    private func ticket(
        _ connection: Connection, _ exchange: Exchange, _ version: ModelVersion,
        _ bytes: Span<UInt8>
    ) throws(Refusal) -> Ticket {
        let urgency = try RequestUrgency(
            timeout: head.requestTimeout, priority: head.requestPriority, in: bytes,
            version.configuration.batching, now: nowNanoseconds)
        let isReturning =
            head.retryTicket.flatMap { RetryTicket(bytes, $0) }.map {
                RetrySeal.isGood(
                    $0, model: version.index, nowMilliseconds: now, limits: limits)
            } ?? false
        return Ticket(
            connection: connection.token, sequence: exchange.sequence, rowStart: 0, rowCount: 0,
            parsedNanoseconds: nowNanoseconds, deadlineNanoseconds: urgency.deadline,
            priority: urgency.priority, isReturning: isReturning, notes: exchange.notes.rawValue)
    }

    /// Decompresses the body where it is coded, then decodes it.
    private func decodeBody(
        _ ticket: Ticket, _ version: ModelVersion, _ format: PayloadFormat,
        _ bytes: Span<UInt8>, _ body: Range<Int>
    ) throws(Refusal) {
        let coding: ContentCoding
        var plain = ByteBuffer()
        do throws(ContentCodingRefusal) {
            coding =
                head.contentEncoding == nil
                ? .identity : try ContentCoding(of: head, in: bytes)
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
            try decode(ticket, version, format, bytes.extracting(body))
            return
        }
        defer {
            // One large body does not stay resident.
            if plain.capacity > 1 << 20 { plain.release() }
            swap(&plain, &inflated)
        }
        try decode(ticket, version, format, plain.span)
    }

    private func decode(
        _ ticket: Ticket, _ version: ModelVersion, _ format: PayloadFormat, _ body: Span<UInt8>
    ) throws(Refusal) {
        let served = catalog.served(version)
        if let padding = served.padding {
            try decodePadded(ticket, version, padding, format, body)
            return
        }
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
                firstRow: batch.rowCount, limits: limits,
                ignoresUnknown: version.configuration.ignoresUnknownColumns)
        } catch {
            version.metrics.recordRejection(thread: number, .badInput)
            throw Refusal(error)
        }
        try check(rows: rows, version)
        batch.commit(ticket.placed(rowStart: batch.rowCount, rowCount: rows))
    }

    /// Decodes rows of their true length, then writes them, padded to their bucket, into a batch of it.
    private func decodePadded(
        _ ticket: Ticket, _ version: ModelVersion, _ padding: PaddedRows, _ format: PayloadFormat,
        _ body: Span<UInt8>
    ) throws(Refusal) {
        let rows: Int
        let shapes: [[Int]]
        let columns: [TensorColumn]
        let signature = padding.signature
        do throws(DecodeRefusal) {
            shapes = try decoder.rowShapes(
                of: body, format: format, signature: signature, jsonDepthMax: limits.jsonDepthMax)
            columns = zip(signature.inputs, shapes).map {
                TensorColumn(spec: $0, rowShape: $1, rowCapacity: 1)
            }
            rows = try decoder.decode(
                body, format: format, signature: signature, columns: columns, firstRow: 0,
                limits: limits)
        } catch {
            version.metrics.recordRejection(thread: number, .badInput)
            throw Refusal(error)
        }
        try check(rows: rows, version)
        do throws(PaddedRows.Problem) {
            let length = try padding.length(of: shapes)
            let padded = padding.paddedShapes(shapes, length: length)
            try padding.check(
                rows: rows, paddedShapes: padded, inputs: version.signature.inputs, limits: limits)
            let batch = batcher.batch(for: version, rowShapes: padded)
            padding.write(columns, rows: rows, length: length, into: batch)
            version.metrics.recordPadding(
                thread: number, plainBytes: rows * columns.reduce(0) { $0 + $1.bytesPerRow },
                paddedBytes: rows * batch.inputs.reduce(0) { $0 + $1.bytesPerRow })
            batch.commit(
                ticket.placed(rowStart: batch.rowCount, rowCount: rows, trueLength: length))
        } catch {
            version.metrics.recordRejection(thread: number, .badInput)
            switch error {
            case .lengthsDiffer(let first, let second):
                throw Refusal(
                    400, "invalid_shape",
                    "'\(first)' and '\(second)' differ in their length")
            case .tooLarge:
                throw Refusal(
                    413, "too_many_rows",
                    "padded to the model's buckets, the request is larger than "
                        + "\(limits.paddedBytesMax) bytes")
            }
        }
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
}
