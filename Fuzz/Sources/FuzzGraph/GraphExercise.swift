import GraphRuntime
import Primitives

/// Builds a small graph from any bytes and runs it. What is refused must say why; what runs must give the
/// same bits twice; folding changes no bit, and no pass a shape, a type or whether it runs. Traps when one
/// does not hold. Run by the fuzzer, and by GraphRuntimeTests on the corpus.
enum GraphExercise {
    static func run(_ bytes: Span<UInt8>) {
        var source = ByteSource(bytes)
        let graph = RandomGraph.make(&source)
        let shapes: [[Int]] = graph.inputs.map { id in
            (graph[id].shape ?? []).map { dimension -> Int in
                switch dimension {
                case .fixed(let size): size
                case .symbol, .unknown: 2
                }
            }
        }
        var inputs: [Tensor] = []
        for (id, shape) in zip(graph.inputs, shapes) {
            inputs.append(RandomGraph.tensor(graph[id].dataType ?? .float32, shape, &source))
        }
        let all = result(graph, Set(Pass.allCases), inputs)
        let folded = result(graph, [.foldConstants, .removeIdentities, .mergeCommonNodes], inputs)
        let plain = result(graph, [], inputs)
        // Folding finds at load what a run would find, and nothing else; what is dead is not run.
        if let folded, let plain { check(folded, plain, graph) }
        if let all, let plain { checkForm(all, plain) }
    }

    private static var limits: Limits {
        var limits = Limits()
        limits.tensorElementsMax = 1 << 18
        limits.arenaBytesMax = 1 << 24
        limits.foldedBytesMax = 1 << 20
        return limits
    }

    private static func result(
        _ graph: Graph, _ passes: Set<Pass>, _ inputs: [Tensor]
    ) -> [Tensor]? {
        do throws(GraphError) {
            let compiled = try CompiledGraph(graph, passes: passes, limits: limits)
            let first = try compiled.evaluate(tensors: inputs)
            let second = try compiled.evaluate(tensors: inputs)
            precondition(first.count == graph.outputs.count, "every output is made")
            for (a, b) in zip(first, second) {
                precondition(bits(a) == bits(b), "two runs give the same bits")
            }
            return first
        } catch {
            precondition(!error.reason.isEmpty, "errors have a reason")
            return nil
        }
    }

    private static func checkForm(_ a: [Tensor], _ b: [Tensor]) {
        for (left, right) in zip(a, b) {
            precondition(
                left.shape == right.shape && left.dataType == right.dataType,
                "passes change no shape and no type")
        }
    }

    private static func check(_ a: [Tensor], _ b: [Tensor], _ graph: Graph) {
        checkForm(a, b)
        // A constant on the right of a product is packed, and rounds otherwise.
        let rounding: Set = ["MatMul", "Gemm", "Conv"]
        if graph.nodes.contains(where: { rounding.contains($0.operatorName.name) }) { return }
        for (left, right) in zip(a, b) {
            precondition(bits(left) == bits(right), "folding changes no bit")
        }
    }

    private static func bits(_ tensor: Tensor) -> [UInt8] {
        guard let memory = tensor.memory else {
            return Array(tensor.strings.joined(separator: "\0").utf8)
        }
        let count = tensor.elementCount * tensor.dataType.byteCount
        let span = memory.span(as: UInt8.self, byteOffset: 0, count: count, owner: memory)
        return span.indices.map { span[$0] }
    }
}

/// Bytes taken one after the other; zeros when they are used up.
struct ByteSource {
    private let bytes: [UInt8]
    private var next = 0

    init(_ span: Span<UInt8>) { bytes = span.indices.map { span[$0] } }

    var isEmpty: Bool { next >= bytes.count }

    mutating func byte() -> Int {
        guard next < bytes.count else { return 0 }
        next += 1
        return Int(bytes[next - 1])
    }

    mutating func below(_ count: Int) -> Int { count > 0 ? byte() % count : 0 }

    mutating func pick<T>(_ list: [T]) -> T { list[below(list.count)] }
}
