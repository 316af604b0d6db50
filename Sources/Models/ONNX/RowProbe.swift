import GraphRuntime
import Primitives

/// Finds out by trying whether a model computes its rows one by one: a file may declare a free first
/// dimension and still mix rows (a softmax over the wrong axis, a mean over the batch). Requests to
/// such a model are never gathered.
enum RowProbe {
    private static let rows = 3

    /// Values and bytes beyond which trying costs too much.
    private static let elementCountMax = 1 << 22
    private static let arenaBytesMax = 256 << 20

    /// Runs three rows together and alone and compares the bits. A model that cannot run on made-up
    /// values counts as independent.
    static func areRowsIndependent(_ compiled: CompiledGraph, _ inputs: [TensorSpec]) -> Bool {
        // What eager runs make may differ in size from row to row: they are not gathered.
        if compiled.needsValues(inputShapes: inputs.map { shape($0, rows) }) { return false }
        guard isSmall(compiled, inputs) else { return true }
        let together = inputs.enumerated().map { index, spec in
            sample(spec, shape: shape(spec, rows), seed: UInt64(index) &+ 1)
        }
        guard let whole = run(compiled, together) else { return true }
        for row in 0..<rows {
            let alone = zip(together, inputs).map { tensor, spec in
                slice(tensor, row: row, shape: shape(spec, 1))
            }
            guard let single = run(compiled, alone) else { return true }
            for (all, one) in zip(whole, single) where !isRow(row, of: all, equalTo: one) {
                return false
            }
        }
        return true
    }

    private static func shape(_ spec: TensorSpec, _ rows: Int) -> [Int] {
        [rows] + spec.rowShape.map { $0 < 0 ? 8 : $0 }
    }

    private static func isSmall(_ compiled: CompiledGraph, _ inputs: [TensorSpec]) -> Bool {
        let shapes = inputs.map { shape($0, rows) }
        guard !compiled.needsValues(inputShapes: shapes),
            let plan = try? compiled.plan(inputShapes: shapes)
        else { return false }
        let counts = (plan.inputs + plan.outputs).map { $0.shape.reduce(1, *) }
        return counts.allSatisfy { $0 <= elementCountMax } && plan.arenaByteCount <= arenaBytesMax
    }

    private static func run(_ compiled: CompiledGraph, _ inputs: [Tensor]) -> [Tensor]? {
        try? compiled.run(inputs)
    }

    /// Values that differ from row to row: floats in -2 ... 2, small natural numbers, strings.
    private static func sample(_ spec: TensorSpec, shape: [Int], seed: UInt64) -> Tensor {
        let count = shape.reduce(1, *)
        var state = seed &* 0x9E37_79B9_7F4A_7C15
        func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
        func real() -> Double { Double(next() % 4000) / 1000 - 2 }
        let all = 0..<count
        switch spec.dataType {
        case .float32: return Tensor(.float32, shape: shape, all.map { _ in Float(real()) })
        case .float64: return Tensor(.float64, shape: shape, all.map { _ in real() })
        case .string: return Tensor(shape: shape, strings: all.map { _ in String(next() % 4) })
        case .int64, .uint64:
            return Tensor(spec.dataType, shape: shape, all.map { _ in next() % 4 })
        case .int32, .uint32:
            return Tensor(spec.dataType, shape: shape, all.map { _ in UInt32(next() % 4) })
        case .int16, .uint16:
            return Tensor(spec.dataType, shape: shape, all.map { _ in UInt16(next() % 4) })
        case .int8, .uint8:
            return Tensor(spec.dataType, shape: shape, all.map { _ in UInt8(next() % 4) })
        case .bool: return Tensor(.bool, shape: shape, all.map { _ in UInt8(next() % 2) })
        case .float16, .bfloat16:
            // 1.0 and 1.5 in either format differ in their top bits only.
            return Tensor(
                spec.dataType, shape: shape, all.map { _ in UInt16(0x3C00 + next() % 2 * 0x80) })
        }
    }

    private static func slice(_ tensor: Tensor, row: Int, shape: [Int]) -> Tensor {
        let count = shape.reduce(1, *)
        guard let memory = tensor.memory else {
            return Tensor(
                shape: shape, strings: Array(tensor.strings[row * count..<(row + 1) * count]))
        }
        let byteCount = count * tensor.dataType.byteCount
        let copy = AlignedMemory(byteCount: byteCount)
        copy.copy(from: memory, sourceOffset: row * byteCount, to: 0, byteCount: byteCount)
        return Tensor(dataType: tensor.dataType, shape: shape, memory: copy)
    }

    private static func isRow(_ row: Int, of all: Tensor, equalTo one: Tensor) -> Bool {
        guard all.elementCount == one.elementCount * rows else { return false }
        let count = one.elementCount
        guard let whole = all.memory, let single = one.memory else {
            return Array(all.strings[row * count..<(row + 1) * count]) == one.strings
        }
        let byteCount = count * one.dataType.byteCount
        let (left, right) = (whole.span(as: UInt8.self), single.span(as: UInt8.self))
        return (0..<byteCount).allSatisfy { left[row * byteCount + $0] == right[$0] }
    }
}
