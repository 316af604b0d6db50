/// The entries of `ReduceOperator`: what each reduction is called, and since when its axes are an input.
enum Reductions {
    static func entry(_ name: String, _ reduction: Reduction, inputSince version: Int = 18)
        -> OperatorEntry
    {
        .half(name, 7) { context throws(OperatorFailure) -> any Operator in
            try ReduceOperator(context, reduction, inputSince: version)
        }
    }

    static let all: [OperatorEntry] = [
        entry("ReduceL1", .l1),
        entry("ReduceL2", .l2),
        entry("ReduceLogSum", .logSum),
        entry("ReduceLogSumExp", .logSumExp),
        entry("ReduceMax", .maximum),
        entry("ReduceMean", .mean),
        entry("ReduceMin", .minimum),
        entry("ReduceProd", .product),
        entry("ReduceSum", .sum, inputSince: 13),
        entry("ReduceSumSquare", .sumOfSquares),
    ]
}
