import Primitives

/// Runs one operator on constants, while a graph is folded or planned.
enum Evaluation {
    /// Bytes that results may take while a plan is made: shape arithmetic is small.
    static let planBytesMax = 1 << 20

    /// The outputs of an operator whose inputs are all constant, or nil when they need more than the
    /// bytes that are left: a small file must not fill the memory by folding.
    static func run(
        _ op: any Operator, _ inputs: [ValueInfo?], _ infos: [ValueInfo], budget: inout Int
    ) throws(OperatorFailure) -> [Tensor]? {
        let constants = inputs.map { $0?.constant }
        if op.isView, let first = constants.first, let source = first {
            return [source.reshaped(infos[0].shape)]
        }
        for info in infos + op.scratch(Inputs(inputs), infos) {
            // A string is counted as what it takes in an array.
            let width = max(info.dataType.byteCount, info.dataType == .string ? 16 : 1)
            guard let count = Shape.elementCount(info.shape, max: budget / width) else {
                return nil
            }
            budget -= count * width
        }
        let workspace = Workspace()
        var stringSlots: [(slot: Int, count: Int)] = []
        var operands: [Operand?] = []
        for (index, info) in infos.enumerated() {
            operands.append(Operand(info, buffer: index + 1, byteOffset: 0))
            if info.dataType == .string {
                stringSlots.append((index + 1, info.shape.reduce(1, *)))
            }
        }
        var scratch: [Operand] = []
        var arenaByteCount = 0
        for info in op.scratch(Inputs(inputs), infos) {
            scratch.append(Operand(info, buffer: 0, byteOffset: arenaByteCount))
            let byteCount = info.shape.reduce(1, *) * info.dataType.byteCount
            arenaByteCount += (byteCount + 63) & ~63
        }
        workspace.prepare(
            for: Plan(
                inputs: [], outputs: infos, arenaByteCount: arenaByteCount, operationCount: 0,
                steps: [], places: [], stepOperators: [], bufferCount: 1 + infos.count,
                stringSlots: stringSlots))
        var memories: [AlignedMemory] = []
        for (index, info) in infos.enumerated() {
            let byteCount = info.shape.reduce(1, *) * info.dataType.byteCount
            memories.append(AlignedMemory(byteCount: byteCount))
            workspace.bind(buffer: index + 1, memories[index], byteOffset: 0)
        }
        let sources = constants.map { tensor in tensor.map { Operand($0) } }
        let step = try op.prepare(Operands(sources), Operands(operands, scratch: scratch))
        try step.run(workspace)
        return infos.indices.map { index in
            let info = infos[index]
            guard info.dataType == .string, let operand = operands[index] else {
                return Tensor(
                    dataType: info.dataType, shape: info.shape, memory: memories[index])
            }
            return Tensor(shape: info.shape, strings: workspace.stringArray(operand))
        }
    }
}

extension Tensor {
    /// The same values under another shape of as many elements; memory is shared.
    func reshaped(_ shape: [Int]) -> Tensor {
        guard let memory else { return Tensor(shape: shape, strings: strings) }
        return Tensor(dataType: dataType, shape: shape, memory: memory)
    }
}
