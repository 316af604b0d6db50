import Telemetry
import Testing

@Suite struct UtilizationTests {
    private func sample(
        second: Double, cpu: Double = 0, processors: Double = 2, loops: [Double] = [0, 0],
        workers: Double = 0, connections: Double = 0
    ) -> UtilizationSample {
        UtilizationSample(
            nanoseconds: UInt64(second * 1e9), cpuNanoseconds: UInt64(cpu * 1e9),
            processors: processors, loopBusyNanoseconds: loops.map { UInt64($0 * 1e9) },
            workerBusyNanoseconds: UInt64(workers * 1e9), workerCount: 2,
            connectionShare: connections)
    }

    /// After a minute of a steady load, a figure a second.
    private func steady(_ rate: (Double) -> UtilizationSample) -> Utilization {
        var utilization = Utilization()
        for second in 0...60 { utilization.observe(rate(Double(second))) }
        return utilization
    }

    @Test func anIdleServerIsAtZero() {
        let utilization = steady { sample(second: $0) }
        #expect(utilization.value == 0)
    }

    @Test func theBottleneckIsTheValue() {
        let workers = steady { sample(second: $0, cpu: 0.2 * $0, workers: 1.6 * $0) }
        #expect(abs(workers.value - 0.8) < 0.001)
        let loop = steady { sample(second: $0, cpu: 0.9 * $0, loops: [0.1 * $0, 0.7 * $0]) }
        #expect(abs(loop.value - 0.7) < 0.001)
        #expect(abs(loop.serving - 0.7) < 0.001)
        #expect(abs(loop.parts[Utilization.Part.cpu.rawValue] - 0.45) < 0.001)
        let full = steady { sample(second: $0, connections: 0.95) }
        #expect(abs(full.value - 0.95) < 0.001)
    }

    @Test func aQuotaBelowOneProcessorCounts() {
        let utilization = steady { sample(second: $0, cpu: 0.4 * $0, processors: 0.5) }
        #expect(abs(utilization.value - 0.8) < 0.001)
    }

    @Test func itNeverLeavesZeroToOne() {
        var utilization = Utilization()
        for second in 0..<20 {
            // Twice as busy as time went by, then a counter that fell back, then time that stood still.
            let odd = Double(second % 5)
            utilization.observe(
                sample(second: Double(second / 2), cpu: 40 * odd, loops: [9 * odd], connections: 3))
            #expect((0...1).contains(utilization.value))
        }
    }

    @Test func aBurstIsSeenWithinSecondsAndForgottenWithinSeconds() {
        var utilization = steady { sample(second: $0) }
        for second in 61...70 {
            utilization.observe(sample(second: Double(second), workers: 2 * Double(second - 60)))
        }
        #expect(utilization.value > 0.85)
        for second in 71...90 { utilization.observe(sample(second: Double(second), workers: 20)) }
        #expect(utilization.value < 0.05)
    }
}
