import Primitives

/// What each model version has counted.
extension MetricsPage {
    mutating func models(_ models: [ModelMetrics]) {
        guard !models.isEmpty else { return }
        family("martlet_model_state", "gauge", "1 for the state a model version is in.")
        for model in models {
            for state in ModelStateLabel.allCases {
                labels("martlet_model_state", model)
                buffer.append(",state=\"")
                buffer.append(state.label)
                buffer.append("\"} ")
                buffer.append(model.state == state ? "1\n" : "0\n")
            }
        }
        gauge(models, "martlet_model_load_seconds", "Time to load and warm up a model version.") {
            Self.seconds($0.loadNanoseconds)
        }
        gauge(models, "martlet_queue_items", "Requests waiting for the compute pool.") {
            String($0.queueItems)
        }
        gauge(models, "martlet_queue_rows", "Rows waiting for the compute pool.") {
            String($0.queueRows)
        }
        gauge(models, "martlet_queue_bytes", "Input bytes waiting for the compute pool.") {
            String($0.queueBytes)
        }
        family("martlet_model_rows_total", "counter", "Rows computed.")
        for model in models {
            labels("martlet_model_rows_total", model)
            buffer.append("} ")
            buffer.append(decimal: model.sum(ModelMetrics.rowsOffset))
            buffer.append("\n")
        }
        family("martlet_rejected_total", "counter", "Requests refused or failed, by reason.")
        for model in models {
            for reason in RejectionReason.allCases {
                labels("martlet_rejected_total", model)
                buffer.append(",reason=\"")
                buffer.append(reason.label)
                buffer.append("\"} ")
                buffer.append(decimal: model.sum(ModelMetrics.rejectionsOffset + reason.rawValue))
                buffer.append("\n")
            }
        }
        histogram(
            models, "martlet_queue_seconds", "From a request's parsing to the start of its batch.",
            ModelMetrics.queue, isTime: true)
        histogram(
            models, "martlet_decode_seconds", "Reading one request's body into a batch.",
            ModelMetrics.decode, isTime: true)
        histogram(
            models, "martlet_batch_forming_seconds",
            "From the parsing of a batch's first request to the start of its run.",
            ModelMetrics.forming, isTime: true)
        histogram(
            models, "martlet_compute_seconds", "Computing one batch.", ModelMetrics.compute,
            isTime: true)
        histogram(
            models, "martlet_encode_seconds", "Writing one answer, body and head.",
            ModelMetrics.encode,
            isTime: true)
        histogram(
            models, "martlet_request_seconds", "From a request's parsing to its answer.",
            ModelMetrics.total, isTime: true)
        histogram(
            models, "martlet_batch_rows", "Rows in a computed batch.", ModelMetrics.batchRows,
            isTime: false)
        counter(
            models, "martlet_padded_input_bytes_total",
            "Input bytes of rows that were padded to a bucket, with the padding."
        ) { $0.sum(ModelMetrics.paddedOffset) }
        counter(models, "martlet_padding_bytes_total", "The part of them that is padding.") {
            $0.sum(ModelMetrics.paddedOffset + 1)
        }
        shadows(models.filter(\.hasShadow))
    }

    mutating func shadows(_ models: [ModelMetrics]) {
        guard !models.isEmpty else { return }
        counter(models, "martlet_shadow_rows_total", "Rows computed by a shadow version.") {
            $0.shadowRows
        }
        counter(
            models, "martlet_shadow_agreeing_rows_total",
            "Rows of which the shadow version gave the same label or nearly the same number."
        ) { $0.shadowAgreeing }
        counter(
            models, "martlet_shadow_failed_total", "Requests a shadow version could not compute."
        ) { $0.shadowFailed }
        counter(
            models, "martlet_shadow_dropped_total",
            "Requests not given to a shadow version because its queue was full."
        ) { $0.shadowDropped }
        gauge(
            models, "martlet_shadow_difference_max",
            "The largest difference of a number so far, answer against shadow."
        ) { $0.shadowDifference.isFinite ? String($0.shadowDifference) : "+Inf" }
        histogram(
            models, "martlet_shadow_seconds", "Computing one request on a shadow version.",
            ModelMetrics.shadowLatency, isTime: true
        ) { $0.shadowBlocks }
    }

    mutating func counter(
        _ models: [ModelMetrics], _ name: StaticString, _ help: StaticString,
        _ value: (ModelMetrics) -> UInt64
    ) {
        family(name, "counter", help)
        for model in models {
            labels(name, model)
            buffer.append("} ")
            buffer.append(decimal: value(model))
            buffer.append("\n")
        }
    }
}
