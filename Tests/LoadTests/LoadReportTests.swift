import Load
import Primitives
import Testing

private func report(
    _ tally: LoadTally, pace: LoadConfiguration.Pace = .open(rate: 10, .poisson),
    share: Double = 0.5
) throws -> LoadReport {
    let target = try #require(LoadTarget(parsing: "http://h"))
    let configuration = LoadConfiguration(
        target: target, pace: pace, length: .seconds(2), connections: 4,
        requests: [PreparedRequest(method: "GET", path: "/", fields: [], body: [])])
    return LoadReport(
        LoadResult(
            configuration: configuration, tally: tally, seconds: 2, processorSeconds: 1,
            processorShareMax: share, isInterrupted: false))
}

private func sample() -> LoadTally {
    var tally = LoadTally()
    tally.scheduled = 10
    tally.sent = 11
    tally.succeeded = 6
    tally.succeededInTime = 5
    tally.statuses[200] = 6
    tally.statuses[503] = 3
    tally.statuses[404] = 1
    tally.failures[LoadFailure.timeout.rawValue] = 2
    tally.retriesObeyed = 2
    for value in 1...6 { tally.latency.record(UInt64(value) * 1_000_000) }
    return tally
}

@Test func theReportHasWhatWasCounted() throws {
    let json = try report(sample()).json
    #expect(json["mode"]?.text == "open" && json["rate"]?.number == 10)
    #expect(json["succeeded"]?.integer == 6 && json["failed"]?.integer == 2)
    #expect(json["statuses"]?["503"]?.integer == 3 && json["statuses"]?["404"]?.integer == 1)
    #expect(json["status_classes"]?["5xx"]?.integer == 3)
    #expect(json["failures"]?["timeout"]?.integer == 2)
    #expect(json["failures"]?.members?.count == LoadFailure.allCases.count)
    #expect(json["rates"]?["succeeded"]?.number == 2.5)
    #expect(json["latency_ms"]?["max"]?.number == 6)
    #expect(json["latency_ms"]?["count"]?.integer == 6)
    #expect(json["refused_ms"]?["p99"] == .null)
    #expect(json["generator"]?["is_bottleneck"]?.boolean == false)
    var buffer = ByteBuffer()
    buffer.append(json: json)
    #expect(try JSONValue(parsing: buffer.text)["sent"]?.integer == 11)
}

@Test func namesOfFailuresAreDistinct() {
    #expect(Set(LoadFailure.allCases.map(\.name)).count == LoadFailure.allCases.count)
}

@Test func aSlowGeneratorIsSaid() throws {
    var late = sample()
    for _ in 0..<100 { late.lag.record(9_000_000) }
    #expect(try report(late).warnings.count == 1)
    #expect(try report(sample(), share: 0.99).warnings.count == 1)
    var full = sample()
    full.failures[LoadFailure.queueFull.rawValue] = 1
    #expect(try report(full).warnings.count == 1)
    #expect(try report(full).json["generator"]?["is_bottleneck"]?.boolean == true)
    #expect(try report(sample()).warnings.isEmpty)
}

@Test func theTextNamesStatusesAndFailures() throws {
    let text = try report(sample(), pace: .closed(clients: 3)).text
    for part in [
        "closed loop, 3 clients", "6 succeeded", "3 × 503", "1 × 404", "2 × timeout", "p99 ",
    ] {
        #expect(text.contains(part), "\(part) in \(text)")
    }
}

@Test func talliesAddUp() {
    var sum = sample()
    sum.add(sample())
    #expect(sum.succeeded == 12 && sum.statuses[503] == 6 && sum.failed == 4)
    #expect(sum.latency.count == 12 && sum.latency.maximum == 6_000_000)
}
