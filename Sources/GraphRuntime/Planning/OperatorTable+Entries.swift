extension OperatorTable {
    /// One line an operator (a second one where versions differ so much that another type does it).
    static let entries: [OperatorEntry] = [
        // ai.onnx
        .init("Abs", 7...newest, AbsOperator.make),
        .init("Add", 7...newest, AddOperator.make),
        .init("ArgMax", 7...newest, ArgMaxOperator.init),
        .init("ArgMin", 7...newest, ArgMinOperator.make),
        .init("Cast", 7...newest, CastOperator.init),
        .init("Ceil", 7...newest, CeilOperator.make),
        .init("Clip", 7...newest, ClipOperator.init),
        .init("Concat", 7...newest, ConcatOperator.init),
        .init("Constant", 7...newest, ConstantOperator.init),
        .init("ConstantOfShape", 9...newest, ConstantOfShapeOperator.init),
        .init("Div", 7...newest, DivOperator.make),
        .init("Dropout", 7...newest, DropoutOperator.init),
        .init("Exp", 7...newest, ExpOperator.make),
        .init("Flatten", 7...newest, FlattenOperator.init),
        .init("Floor", 7...newest, FloorOperator.make),
        .init("Gather", 7...newest, GatherOperator.init),
        .init("Gemm", 7...newest, GemmOperator.make),
        .init("Identity", 7...newest, IdentityOperator.init),
        .init("Log", 7...newest, LogOperator.make),
        .init("LogSoftmax", 7...newest, LogSoftmaxOperator.make),
        .init("MatMul", 7...newest, MatMulOperator.make),
        .init("Max", 8...newest, MaxOperator.make),
        .init("Min", 8...newest, MinOperator.make),
        .init("Mul", 7...newest, MulOperator.make),
        .init("Neg", 7...newest, NegOperator.make),
        .init("Not", 7...newest, NotOperator.init),
        .init("Reciprocal", 7...newest, ReciprocalOperator.make),
        .init("ReduceMax", 7...newest, ReduceMaxOperator.make),
        .init("ReduceMean", 7...newest, ReduceMeanOperator.make),
        .init("ReduceMin", 7...newest, ReduceMinOperator.make),
        .init("ReduceSum", 7...newest, ReduceSumOperator.make),
        .init("Relu", 7...newest, ReluOperator.make),
        .init("Reshape", 7...newest, ReshapeOperator.init),
        .init("Round", 11...newest, RoundOperator.make),
        .init("Shape", 7...newest, ShapeOperator.init),
        .init("Sigmoid", 7...newest, SigmoidOperator.make),
        .init("Sign", 9...newest, SignOperator.make),
        .init("Softmax", 7...newest, SoftmaxOperator.make),
        .init("Softplus", 7...newest, SoftplusOperator.make),
        .init("Sqrt", 7...newest, SqrtOperator.make),
        .init("Squeeze", 7...newest, SqueezeOperator.init),
        .init("Sub", 7...newest, SubOperator.make),
        .init("Tanh", 7...newest, TanhOperator.make),
        .init("Transpose", 7...newest, TransposeOperator.init),
        .init("Unsqueeze", 7...newest, UnsqueezeOperator.init),
        // ai.onnx.ml
        .init(
            "ArrayFeatureExtractor", 1...newestML, domain: ml, ArrayFeatureExtractorOperator.init),
        .init("LabelEncoder", 1...newestML, domain: ml, LabelEncoderOperator.init),
        .init("LinearClassifier", 1...newestML, domain: ml, LinearClassifierOperator.init),
        .init("LinearRegressor", 1...newestML, domain: ml, LinearRegressorOperator.init),
        .init("Normalizer", 1...newestML, domain: ml, NormalizerOperator.init),
        .init("Scaler", 1...newestML, domain: ml, ScalerOperator.init),
        .init(
            "TreeEnsembleClassifier", 1...newestML, domain: ml, TreeEnsembleClassifierOperator.init),
        .init(
            "TreeEnsembleRegressor", 1...newestML, domain: ml, TreeEnsembleRegressorOperator.init),
        .init("ZipMap", 1...newestML, domain: ml, ZipMapOperator.make),
        // what passes make
        .init("Linear", 1...1, domain: Node.fusedDomain, LinearOperator.init),
    ]

    private static let ml = "ai.onnx.ml"
}
