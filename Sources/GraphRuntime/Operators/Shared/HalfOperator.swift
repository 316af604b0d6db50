import Primitives

/// Lets an operator on float32 take float16 and bfloat16: inputs are widened, outputs rounded once.
///
/// That is how ONNX Runtime's CPU provider computes them, too: the 16-bit types are for storage.
final class HalfOperator: Operator {
    let inner: any Operator

    init(_ inner: any Operator) { self.inner = inner }

    var isView: Bool { inner.isView }
    var isFoldable: Bool { inner.isFoldable }
    var absorbedInputs: [Int] { inner.absorbedInputs }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        guard let half = Self.half(inputs.list.map { $0?.dataType }) else {
            return try inner.infer(inputs)
        }
        if isView { return try inner.infer(inputs) }
        return try inner.infer(Self.widened(inputs)).map { info in
            guard info.dataType == .float32 else { return info }
            let constant = info.constant.map { $0.converted(to: half) }
            return ValueInfo(half, info.shape, constant: constant)
        }
    }

    func scratch(_ inputs: Inputs, _ outputs: [ValueInfo]) -> [ValueInfo] {
        guard Self.half(inputs.list.map { $0?.dataType }) != nil else {
            return inner.scratch(inputs, outputs)
        }
        var result: [ValueInfo] = []
        for case let info? in inputs.list where info.dataType.isHalf && info.constant == nil {
            result.append(ValueInfo(.float32, info.shape))
        }
        for info in outputs where info.dataType.isHalf {
            result.append(ValueInfo(.float32, info.shape))
        }
        let wide = outputs.map { $0.dataType.isHalf ? ValueInfo(.float32, $0.shape) : $0 }
        return result + inner.scratch(Self.widened(inputs), wide)
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        guard Self.half(inputs.list.map { $0?.dataType }) != nil else {
            return try inner.prepare(inputs, outputs)
        }
        var scratch = outputs.scratch[...]
        var before: [any Step] = []
        var after: [any Step] = []
        var wideInputs: [Operand?] = []
        for operand in inputs.list {
            guard let operand, operand.dataType.isHalf else {
                wideInputs.append(operand)
                continue
            }
            if let constant = operand.tensor {
                wideInputs.append(Operand(constant.converted(to: .float32)))
            } else {
                let wide = scratch.removeFirst()
                before.append(CastOperator.step(operand, wide))
                wideInputs.append(wide)
            }
        }
        var wideOutputs: [Operand?] = []
        for operand in outputs.list {
            guard let operand, operand.dataType.isHalf else {
                wideOutputs.append(operand)
                continue
            }
            let wide = scratch.removeFirst()
            after.append(CastOperator.step(wide, operand))
            wideOutputs.append(wide)
        }
        let step = try inner.prepare(
            Operands(wideInputs), Operands(wideOutputs, scratch: Array(scratch)))
        return StepList(before + [step] + after)
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        inner.operationCount(inputs, outputs)
    }

    private static func half(_ types: [DataType?]) -> DataType? {
        types.compactMap { $0 }.first { $0.isHalf }
    }

    private static func widened(_ inputs: Inputs) -> Inputs {
        Inputs(
            inputs.list.map { info in
                guard let info, info.dataType.isHalf else { return info }
                return ValueInfo(
                    .float32, info.shape, constant: info.constant?.converted(to: .float32))
            })
    }
}

/// Steps one after the other.
final class StepList: Step {
    private let steps: [any Step]

    init(_ steps: [any Step]) { self.steps = steps }

    func run(_ workspace: Workspace) throws(OperatorFailure) {
        for index in steps.indices { try steps[index].run(workspace) }
    }
}

extension DataType {
    /// The 16-bit floats.
    var isHalf: Bool { self == .float16 || self == .bfloat16 }
}
