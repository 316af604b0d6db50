extension OperatorTable {
    /// Reductions, products, normalisations.
    static let arithmetic: [OperatorEntry] = [
        .half("ArgMax", 7, ArgMaxOperator.init),
        .half("ArgMin", 7, ArgMinOperator.make),
        .half("CumProd", 26, CumulativeOperator.product),
        .half("CumSum", 11, CumulativeOperator.sum),
        .half("Gemm", 7, GemmOperator.make),
        .half("LogSoftmax", 7, LogSoftmaxOperator.make),
        .half("MatMul", 7, MatMulOperator.make),
        .half("ReduceMax", 7, ReduceMaxOperator.make),
        .half("ReduceMean", 7, ReduceMeanOperator.make),
        .half("ReduceMin", 7, ReduceMinOperator.make),
        .half("ReduceSum", 7, ReduceSumOperator.make),
        .half("Softmax", 7, SoftmaxOperator.make),
    ]
}
