import Primitives
import Telemetry
import Testing

private func page(_ metrics: ServerMetrics) -> [Substring] {
    var buffer = ByteBuffer()
    MetricsPage.render(metrics, into: &buffer)
    return buffer.text.split(separator: "\n")
}

@Test func requestsAreCountedByRouteAndStatusOverAllLoops() {
    let metrics = ServerMetrics(
        routes: ["predict", "ready"], statuses: [200, 404], loopCount: 2, workerCount: 1)
    metrics.recordRequest(loop: 0, route: 0, status: 200)
    metrics.recordRequest(loop: 1, route: 0, status: 200)
    metrics.recordRequest(loop: 1, route: 1, status: 404)
    let lines = page(metrics)
    #expect(lines.contains(#"martlet_http_requests_total{route="predict",code="200"} 2"#))
    #expect(lines.contains(#"martlet_http_requests_total{route="ready",code="404"} 1"#))
    #expect(!lines.contains { $0.contains(#"route="predict",code="404""#) })
}

@Test func everyLimitIsThereFromTheStartAndCountedUnderItsName() {
    let metrics = ServerMetrics(
        routes: ["predict", "ready"], statuses: [200, 404], loopCount: 2, workerCount: 1)
    let labels = LimitHit.allCases.map { "\($0.label)" }
    #expect(Set(labels).count == labels.count)
    for label in labels {
        #expect(page(metrics).contains("martlet_limits_hit_total{limit=\"\(label)\"} 0"[...]))
    }
    for (index, limit) in LimitHit.allCases.enumerated() {
        for _ in 0...index { metrics.count(loop: index % 2, limit: limit) }
        metrics.count(loop: 1, limit: limit)
    }
    let lines = page(metrics)
    for (index, label) in labels.enumerated() {
        #expect(lines.contains("martlet_limits_hit_total{limit=\"\(label)\"} \(index + 2)"[...]))
    }
    // The cells are nobody else's.
    for counter in ServerMetrics.LoopCounter.allCases { #expect(metrics.sum(counter) == 0) }
    #expect(!lines.contains { $0.hasPrefix("martlet_http_requests_total{") })
}

@Test func histogramsAreCumulativeAndEndInInfinity() {
    let metrics = ServerMetrics(routes: [], statuses: [], loopCount: 1, workerCount: 1)
    let model = metrics.addModel("iris", version: "1")
    model.recordBatch(thread: 0, rows: 3, computeNanoseconds: 10_000)
    model.recordBatch(thread: 1, rows: 2000, computeNanoseconds: 10_001)
    model.recordQueue(thread: 0, nanoseconds: 20_000_000_000, requests: 4)
    model.recordTotal(thread: 0, nanoseconds: 1_000_000)
    let lines = page(metrics)
    let labels = #"model="iris",version="1""#
    #expect(lines.contains("martlet_compute_seconds_bucket{\(labels),le=\"1e-05\"} 1"))
    #expect(lines.contains("martlet_compute_seconds_bucket{\(labels),le=\"2.5e-05\"} 2"))
    #expect(lines.contains("martlet_compute_seconds_bucket{\(labels),le=\"+Inf\"} 2"))
    #expect(lines.contains("martlet_compute_seconds_count{\(labels)} 2"))
    #expect(lines.contains("martlet_batch_rows_bucket{\(labels),le=\"4.0\"} 1"))
    #expect(lines.contains("martlet_batch_rows_sum{\(labels)} 2003"))
    #expect(lines.contains("martlet_queue_seconds_bucket{\(labels),le=\"10.0\"} 0"))
    #expect(lines.contains("martlet_queue_seconds_bucket{\(labels),le=\"+Inf\"} 4"))
    #expect(lines.contains("martlet_request_seconds_sum{\(labels)} 0.001"))
    #expect(lines.contains("martlet_model_rows_total{\(labels)} 2003"))
}

@Test func everyFamilyHasHelpAndTypeOnce() {
    let metrics = ServerMetrics(routes: ["a"], statuses: [200], loopCount: 1, workerCount: 1)
    _ = metrics.addModel("m", version: "1")
    metrics.recordRequest(loop: 0, route: 0, status: 200)
    let lines = page(metrics)
    let helps = lines.filter { $0.hasPrefix("# HELP ") }.map { $0.split(separator: " ")[2] }
    let types = lines.filter { $0.hasPrefix("# TYPE ") }.map { $0.split(separator: " ")[2] }
    #expect(helps == types)
    #expect(Set(helps).count == helps.count)
    for line in lines where !line.hasPrefix("#") {
        let name = line.prefix { $0 != "{" && $0 != " " }
        let family = types.contains { name == $0 || name.hasPrefix($0 + "_") }
        #expect(family, "\(line)")
    }
}

@Test func labelValuesAreEscaped() {
    let metrics = ServerMetrics(routes: [], statuses: [], loopCount: 1, workerCount: 1)
    _ = metrics.addModel("a\"b\\c\nd", version: "1")
    #expect(page(metrics).contains { $0.contains(#"model="a\"b\\c\nd""#) })
}

@Test func gaugesFollowTheQueueAndTheState() {
    let metrics = ServerMetrics(routes: [], statuses: [], loopCount: 1, workerCount: 1)
    let model = metrics.addModel("m", version: "2")
    model.queueGrew(items: 3, rows: 30, bytes: 300)
    model.queueShrank(items: 1, rows: 10, bytes: 100)
    model.setState(.ready)
    let lines = page(metrics)
    #expect(lines.contains(#"martlet_queue_items{model="m",version="2"} 2"#))
    #expect(lines.contains(#"martlet_queue_rows{model="m",version="2"} 20"#))
    #expect(lines.contains(#"martlet_queue_bytes{model="m",version="2"} 200"#))
    #expect(lines.contains(#"martlet_model_state{model="m",version="2",state="ready"} 1"#))
    #expect(lines.contains(#"martlet_model_state{model="m",version="2",state="loading"} 0"#))
}

@Test func openMetricsNamesCounterFamiliesWithoutTotalAndEnds() {
    let metrics = ServerMetrics(routes: ["a"], statuses: [200], loopCount: 1, workerCount: 1)
    metrics.recordRequest(loop: 0, route: 0, status: 200)
    _ = metrics.addModel("m", version: "1")
    var buffer = ByteBuffer()
    MetricsPage.render(metrics, format: .openMetrics, into: &buffer)
    let lines = buffer.text.split(separator: "\n")
    #expect(lines.last == "# EOF")
    #expect(lines.count { $0 == "# EOF" } == 1)
    #expect(lines.contains("# TYPE martlet_http_requests counter"))
    #expect(lines.contains(#"martlet_http_requests_total{route="a",code="200"} 1"#))
    #expect(!lines.contains { $0.hasPrefix("# ") && $0.contains("_total ") })
    #expect(!page(metrics).contains("# EOF"))
}

@Test func figuresOfAnyThreadAreCounted() {
    let metrics = ServerMetrics(
        routes: [], statuses: [], loopCount: 1, workerCount: 1, version: "1.2")
    metrics.count(.certificateReloads)
    metrics.count(.accessReloadFailures)
    metrics.count(.logDrops)
    metrics.count(.logDrops)
    metrics.set(.memoryBytesMax, 1 << 30)
    let lines = page(metrics)
    #expect(lines.contains(#"martlet_build_info{version="1.2"} 1"#))
    #expect(lines.contains(#"martlet_reloads_total{file="certificates",result="ok"} 1"#))
    #expect(lines.contains(#"martlet_reloads_total{file="certificates",result="failed"} 0"#))
    #expect(lines.contains(#"martlet_reloads_total{file="access",result="failed"} 1"#))
    #expect(lines.contains("martlet_log_dropped_total 2"))
    #expect(lines.contains("martlet_memory_limit_bytes 1073741824"))
}

@Test func decodingFormingEncodingAndPaddingHaveTheirFigures() {
    let metrics = ServerMetrics(routes: [], statuses: [], loopCount: 1, workerCount: 1)
    let model = metrics.addModel("m", version: "1")
    model.recordDecode(thread: 0, nanoseconds: 11_000)
    model.recordForming(thread: 1, nanoseconds: 26_000)
    model.recordEncode(thread: 0, nanoseconds: 9_000)
    model.recordPadding(thread: 0, plainBytes: 10, paddedBytes: 16)
    let lines = page(metrics)
    let labels = #"model="m",version="1""#
    #expect(lines.contains("martlet_decode_seconds_bucket{\(labels),le=\"2.5e-05\"} 1"))
    #expect(lines.contains("martlet_decode_seconds_bucket{\(labels),le=\"1e-05\"} 0"))
    #expect(lines.contains("martlet_batch_forming_seconds_bucket{\(labels),le=\"5e-05\"} 1"))
    #expect(lines.contains("martlet_batch_forming_seconds_bucket{\(labels),le=\"2.5e-05\"} 0"))
    #expect(lines.contains("martlet_encode_seconds_bucket{\(labels),le=\"1e-05\"} 1"))
    #expect(lines.contains("martlet_padded_input_bytes_total{\(labels)} 16"))
    #expect(lines.contains("martlet_padding_bytes_total{\(labels)} 6"))
    #expect(lines.contains(#"martlet_rejected_total{\#(labels),reason="queue_full"} 0"#))
}
