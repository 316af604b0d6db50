import Models
import Primitives
import Serving
import Synchronization
import Telemetry

/// Lines that were meant for the operator.
final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    var log: Log { Log { line in self.lines.withLock { $0.append(line) } } }
    var all: [String] { lines.withLock { $0 } }
}

/// A model whose file says how it behaves: `bad` does not load, `slow` takes 50 ms a run, a number is
/// what its rows are multiplied by.
struct FileModel: Model {
    let signature = Signature(
        inputs: [TensorSpec("x", .float32, [-1, 2])],
        outputs: [TensorSpec("y", .float32, [-1, 2])])
    let factor: Float

    static let formats = [ModelFormat(name: "test", fileName: "model.test", FileModel.self)]
    /// How many of them there are.
    static let count = Atomic<Int>(0)
    private let life = Life()

    private final class Life: Sendable {
        init() { FileModel.count.wrappingAdd(1, ordering: .relaxed) }
        deinit { FileModel.count.wrappingSubtract(1, ordering: .relaxed) }
    }

    init(artifact: Artifact, context: LoadContext) throws(ModelLoadError) {
        guard let bytes = try? FileSystem.contents(of: artifact.path, byteCountMax: 1 << 20) else {
            throw ModelLoadError(path: artifact.path, reason: "unreadable")
        }
        let text = String(decoding: bytes, as: UTF8.self)
        guard text != "bad" else { throw ModelLoadError(path: artifact.path, reason: "it is bad") }
        factor = Float(text) ?? 1
    }

    func predict(
        _ batch: borrowing TensorBatch, into results: inout TensorBatch
    ) throws(PredictionError) {
        let x = batch.float32(0)
        var y = results.mutableFloat32(0)
        for index in x.indices { y[index] = x[index] * factor }
    }
}

/// A loader over a folder under /tmp, driven by the test's own thread.
final class LoaderBench {
    let folder: String
    let lines = Lines()
    let registry = Registry(defaultName: nil)
    let metrics = ServerMetrics(routes: [], statuses: [], loopCount: 1, workerCount: 1)
    let mailbox: Mailbox<LoopMessage>
    let queue: LoaderQueue
    let loader: ModelLoader

    /// Owns the folder, when this one only goes on with it.
    private let previous: LoaderBench?

    /// A loader of another process over the same folder.
    func restarted(control: ModelControl = .explicit) throws -> LoaderBench {
        try LoaderBench(control: control, after: self)
    }

    /// `files` are paths below the folder and what is in them.
    init(
        _ files: [String: String] = [:], control: ModelControl = .explicit,
        compiled: [CompiledModel] = [], limits: Limits = Limits(),
        memory: MemoryBudget = .unlimited,
        after previous: LoaderBench? = nil
    ) throws {
        self.previous = previous
        folder = previous?.folder ?? "/tmp/martlet-loader-\(UInt64.random(in: 0 ... .max))"
        try FileSystem.createFolder(folder)
        mailbox = try Mailbox()
        queue = try LoaderQueue(limits: limits)
        registry.addListener(mailbox)
        loader = ModelLoader(
            ModelLoader.Environment(
                registry: registry, metrics: metrics,
                pool: try ComputePool(workerCount: 1, firstThread: 1), limits: limits,
                log: lines.log, memory: memory),
            queue: queue, formats: FileModel.formats,
            source: ModelsFolder(path: folder, formats: FileModel.formats, limits: limits),
            compiled: compiled, control: control)
        for (path, text) in files { try write(text, to: path) }
    }

    deinit {
        if previous == nil { try? FileSystem.removeTree(folder) }
    }

    /// Writes a file in one step, as a careful operator does.
    func write(_ text: String, to path: String) throws {
        var buffer = ByteBuffer()
        buffer.append(text)
        if let slash = path.lastIndex(of: "/") {
            try FileSystem.createFolder("\(folder)/\(path[..<slash])")
        }
        try FileSystem.write(buffer, to: "\(folder)/\(path).tmp")
        try FileSystem.rename("\(folder)/\(path).tmp", to: "\(folder)/\(path)")
    }

    /// Asks for something and lets the loader do it.
    @discardableResult
    func ask(_ action: ManagementRequest.Action) -> ManagementAnswer.Outcome? {
        let address = ReplyAddress(home: mailbox, connection: 1, sequence: 1, notes: 0)
        guard queue.add(ManagementRequest(action, to: address)) else { return nil }
        loader.turn(atMost: 0)
        var messages: [LoopMessage] = []
        mailbox.receive(into: &messages)
        for case .managed(let answer) in messages { return answer.outcome }
        return nil
    }

    /// The refusal's kind that an action meets.
    func refusal(_ action: ManagementRequest.Action) -> ManagementRefusal.Kind? {
        guard case .refused(let refusal) = ask(action) else { return nil }
        return refusal.kind
    }

    /// Turns until something is so, ten seconds at most.
    func turn(until condition: () -> Bool) -> Bool {
        let end = MonotonicClock.nanoseconds + 10_000_000_000
        while MonotonicClock.nanoseconds < end {
            if condition() { return true }
            loader.turn(atMost: 20)
        }
        return condition()
    }

    func model(_ name: String) -> RegisteredModel? {
        registry.snapshot.models.first { $0.name == name }
    }

    /// `1 ready, 2 failed`
    func states(_ name: String) -> String {
        model(name)?.versions.map { "\($0.version) \($0.state.name)" }.joined(separator: ", ") ?? ""
    }

    /// What a request with neither version nor label gets.
    func standard(_ name: String) -> String? { model(name)?.defaultVersion?.version }

    /// What the default version makes of 1.
    func answer(_ name: String) throws -> Float? {
        guard let version = model(name)?.defaultVersion else { return nil }
        let input = TensorColumn(spec: version.signature.inputs[0], rowShape: [2], rowCapacity: 1)
        let output = TensorColumn(spec: version.signature.outputs[0], rowShape: [2], rowCapacity: 1)
        input.fill(with: 1)
        var results = TensorBatch(columns: [output], rowCount: 1)
        try version.model.predict(TensorBatch(columns: [input], rowCount: 1), into: &results)
        return results.float32(0)[0]
    }

    var page: String {
        var buffer = ByteBuffer()
        MetricsPage.render(metrics, into: &buffer)
        return buffer.text
    }
}
