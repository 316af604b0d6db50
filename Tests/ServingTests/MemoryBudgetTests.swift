import Models
import Primitives
import Serving
import Telemetry
import Testing

@Test func withoutALimitEverythingFits() {
    #expect(MemoryBudget.unlimited.problem(loading: .max, factor: 3) == nil)
}

@Test func aModelMustFitIntoWhatIsLeft() {
    let budget = MemoryBudget(bytesMax: 400 << 20) { 100 << 20 }
    #expect(budget.problem(loading: 100 << 20, factor: 3) == nil)
    let problem = budget.problem(loading: 101 << 20, factor: 3)
    #expect(problem?.contains("101 MiB") == true)
    #expect(problem?.contains("300 MiB are left") == true)
    #expect(problem?.contains("400 MiB") == true)
    #expect(budget.problem(loading: .max, factor: 3) != nil)
}

@Test func aProcessAboveItsLimitTakesNothing() {
    let budget = MemoryBudget(bytesMax: 10) { 100 }
    #expect(budget.problem(loading: 1, factor: 3) != nil)
    #expect(budget.problem(loading: 0, factor: 3) == nil)
}

@Test func residentMemoryIsWhatThisProcessHolds() {
    let block = [UInt8](repeating: 1, count: 64 << 20)
    let with = ResidentMemory.bytes
    #expect(with > 64 << 20 && block.count == 64 << 20)
}

@Test func aModelThatDoesNotFitIsRefusedBeforeItIsReadAndAnotherIsServed() throws {
    // "small" has 1 byte, "large" 1,000.
    let bench = try LoaderBench(
        [
            "small/1/model.test": "3",
            "large/1/model.test": String(repeating: " ", count: 999) + "2",
        ],
        memory: MemoryBudget(bytesMax: 900) { 0 })
    bench.loader.start()
    #expect(bench.states("small") == "1 ready")
    #expect(bench.states("large") == "1 failed")
    #expect(
        bench.lines.all.contains { $0.contains("large") && $0.contains("raise the memory limit") })
}
