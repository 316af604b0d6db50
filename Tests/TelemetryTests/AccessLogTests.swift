import Primitives
import Synchronization
import Telemetry
import Testing

@Test func aShareOfTheRequestsIsTaken() {
    let log = Log { _ in }
    var random = SplitMix(seed: 1)
    let quarter = AccessLog(isOn: true, share: 0.25, log: log)
    let taken = (0..<100_000).count { _ in quarter.takes(random: random.next()) }
    #expect(abs(taken - 25_000) < 1_000)
    let all = AccessLog(isOn: true, share: 1, log: log)
    #expect(all.takes(random: .max) && all.takes(random: 0))
    let none = AccessLog(isOn: true, share: 0, log: log)
    #expect(!none.takes(random: .max) && !none.takes(random: 0))
    #expect(!AccessLog(isOn: false, share: 1, log: log).takes(random: 0))
}

@Test func aRecordNamesOnlyWhatThereIs() {
    let lines = Mutex("")
    let log = AccessLog(
        isOn: true, share: 1,
        log: Log(format: .json, label: "martlet.access") { line in lines.withLock { $0 += line } })
    var record = AccessRecord()
    record.requestID = "abc"
    record.route = "predict"
    record.status = 200
    log.write(record)
    let text = lines.withLock { $0 }
    #expect(text.contains(#""request_id":"abc""#) && text.contains(#""status":200"#))
    #expect(text.contains(#""logger":"martlet.access""#))
    for absent in ["trace_id", "model", "version", "code"] { #expect(!text.contains(absent)) }
}
