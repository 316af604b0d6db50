import Primitives

/// ONNX `IsNaN` and `IsInf`: tests of each element.
enum FloatTests {
    @Sendable static func isNaN(_ context: OperatorContext) throws(OperatorFailure) -> any Operator
    {
        try make(context) { $0.isNaN }
    }

    @Sendable static func isInf(_ context: OperatorContext) throws(OperatorFailure) -> any Operator
    {
        let takesPositive = try context.flag("detect_positive", default: true)
        let takesNegative = try context.flag("detect_negative", default: true)
        return try make(context) { $0.isInfinite && ($0 > 0 ? takesPositive : takesNegative) }
    }

    private static func make(
        _ context: OperatorContext, _ test: @escaping @Sendable (Double) -> Bool
    ) throws(OperatorFailure) -> any Operator {
        try MapOperator(context, types: [.float32, .float64], result: .bool) { x, y in
            if x.dataType == .float32 {
                return MapStep<Float, UInt8>(x, y) { test(Double($0)) ? 1 : 0 }
            }
            return MapStep<Double, UInt8>(x, y) { test($0) ? 1 : 0 }
        }
    }
}
