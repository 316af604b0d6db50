import Primitives

/// An input of an `ai.onnx.ml` operator, which computes in float32 whatever it is given: the
/// operand itself when it is float32, else a converted copy in scratch memory.
struct FloatInput: Sendable {
    /// The float32 values, after `convert`.
    let operand: Operand
    private let cast: (any Step)?

    /// Element types the classical operators take.
    static let types: [DataType] = [.float32, .float64, .int64, .int32]

    /// The scratch memory an input of this type needs.
    static func scratch(_ info: ValueInfo) -> [ValueInfo] {
        info.dataType == .float32 ? [] : [ValueInfo(.float32, info.shape)]
    }

    /// Splits an operator's scratch operands into the input's own and the rest.
    struct Scratch {
        let input: FloatInput
        let rest: ArraySlice<Operand>

        init(_ source: Operand, _ scratch: [Operand]) {
            if source.dataType == .float32 {
                input = FloatInput(operand: source, cast: nil)
                rest = scratch[...]
            } else {
                let cast = CastOperator.step(source, scratch[0])
                input = FloatInput(operand: scratch[0], cast: cast)
                rest = scratch.dropFirst()
            }
        }
    }

    func convert(_ workspace: Workspace) throws(OperatorFailure) {
        try cast?.run(workspace)
    }
}
