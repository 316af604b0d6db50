import Glibc
import IO
import Models
import Primitives
import Synchronization

/// The times of all calls with one batch size.
struct BenchResult: Sendable {
    let rows: Int
    /// Calls made, by all threads.
    let calls: Int
    /// Nanoseconds of a call.
    let median: Double
    let p99: Double
    let rowsPerSecond: Double
}

/// Runs a model on random rows for a while, on some threads at once.
struct BenchRunner: Sendable {
    struct Failure: Error {
        let reason: String
    }

    /// Times kept of a thread; what comes later counts in the rate only.
    private static let timesMax = 1 << 20

    let model: any Model
    let threads: Int
    let seconds: Double

    func measure(rows: Int) throws(Failure) -> BenchResult {
        let shared = Shared()
        var started: [Thread] = []
        for index in 0..<threads {
            do throws(SystemError) {
                let thread = try Thread(name: "bench-\(index)") {
                    run(rows: rows, shared, seed: UInt64(index) + 1)
                }
                started.append(thread)
            } catch {
                shared.fail("a thread cannot be started: \(error.reason)")
            }
        }
        for thread in started { thread.join() }
        return try shared.result(rows: rows)
    }

    /// One thread's share: own inputs and outputs, a warm-up, then calls until time is up.
    private func run(rows: Int, _ shared: Shared, seed: UInt64) {
        let signature = model.signature
        let batch = TensorBatch(
            columns: signature.inputs.map { RandomColumn.make($0, signature, rows, seed) },
            rowCount: rows)
        let outputs = signature.outputs.map { spec in
            let shape = signature.rowShape(of: spec).map { max($0, 0) }
            return TensorColumn(spec: spec, rowShape: shape, rowCapacity: rows)
        }
        var results = TensorBatch(columns: outputs, rowCount: rows)
        var times: [UInt64] = []
        times.reserveCapacity(Self.timesMax)
        do throws(PredictionError) {
            // Plans are built, memory is faulted in, the clock rate settles.
            let warmUpEnd = MonotonicClock.nanoseconds + UInt64(max(seconds / 5, 0.1) * 1e9)
            repeat {
                try model.predict(batch, into: &results)
            } while MonotonicClock.nanoseconds < warmUpEnd
            shared.meet(threads)
            let begin = MonotonicClock.nanoseconds
            let end = begin + UInt64(seconds * 1e9)
            var calls = 0
            var last = begin
            repeat {
                try model.predict(batch, into: &results)
                let now = MonotonicClock.nanoseconds
                if times.count < Self.timesMax { times.append(now - last) }
                last = now
                calls += 1
            } while last < end
            shared.add(times, calls: calls, elapsed: last - begin)
        } catch {
            shared.fail(error.description)
        }
    }

    /// What the threads of one measurement share, each field under its lock.
    private final class Shared: Sendable {
        private struct Tally {
            var times: [UInt64] = []
            var calls = 0
            /// Σ calls a second of the threads.
            var rate = 0.0
            var failure: String?
        }

        private let arrived = Atomic<Int>(0)
        private let tally = Mutex(Tally())

        /// Waits until all threads are here, or one failed.
        func meet(_ count: Int) {
            arrived.add(1, ordering: .acquiringAndReleasing)
            while arrived.load(ordering: .acquiring) < count {
                if tally.withLock({ $0.failure != nil }) { return }
                sched_yield()
            }
        }

        func add(_ times: [UInt64], calls: Int, elapsed: UInt64) {
            tally.withLock {
                $0.times += times
                $0.calls += calls
                $0.rate += Double(calls) / (Double(max(elapsed, 1)) * 1e-9)
            }
        }

        func fail(_ reason: String) { tally.withLock { $0.failure = $0.failure ?? reason } }

        func result(rows: Int) throws(Failure) -> BenchResult {
            let tally = tally.withLock { $0 }
            if let reason = tally.failure { throw Failure(reason: reason) }
            let times = tally.times.sorted()
            return BenchResult(
                rows: rows, calls: tally.calls, median: Double(times[times.count / 2]),
                p99: Double(times[min(times.count - 1, times.count * 99 / 100)]),
                rowsPerSecond: tally.rate * Double(rows))
        }
    }
}

/// Inputs for measuring: random where the type has many values, the same in every run.
enum RandomColumn {
    /// A filled column; a dimension that only a request knows counts as 8, as in `inspect`.
    static func make(
        _ spec: TensorSpec, _ signature: Signature, _ rows: Int, _ seed: UInt64
    ) -> TensorColumn {
        let shape = signature.rowShape(of: spec).map { $0 < 0 ? 8 : $0 }
        let column = TensorColumn(spec: spec, rowShape: shape, rowCapacity: rows)
        let batch = TensorBatch(columns: [column], rowCount: rows)
        var random = SplitMix(seed: seed)
        switch spec.dataType {
        case .float32: fill(batch, as: Float.self) { Float(random.unit) }
        case .float64: fill(batch, as: Double.self) { random.unit }
        case .float16: fill(batch, as: UInt16.self) { 0x3800 }  // ½
        case .bfloat16: fill(batch, as: UInt16.self) { 0x3f00 }  // ½
        case .int64, .uint64: fill(batch, as: Int64.self) { Int64(random.bit) }
        case .int32, .uint32: fill(batch, as: Int32.self) { Int32(random.bit) }
        case .int16, .uint16: fill(batch, as: Int16.self) { Int16(random.bit) }
        case .int8, .uint8, .bool: fill(batch, as: Int8.self) { Int8(random.bit) }
        case .string: break  // empty strings
        }
        return column
    }

    private static func fill<T: BitwiseCopyable>(
        _ batch: borrowing TensorBatch, as type: T.Type, _ next: () -> T
    ) {
        var values = batch.mutableValues(0, as: type)
        for index in values.indices { values[index] = next() }
    }
}
