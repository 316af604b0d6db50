import Primitives

extension OperatorTable {
    /// One line an operator (a second one where versions differ so much that another type does it).
    static let entries: [OperatorEntry] =
        elementwise + layout + control + arithmetic + media + learning + fused

    /// `ai.onnx.ml`.
    private static let learning: [OperatorEntry] = [
        .init(
            "ArrayFeatureExtractor", 1...newestML, domain: ml, ArrayFeatureExtractorOperator.init),
        .init("Binarizer", 1...newestML, domain: ml, BinarizerOperator.init),
        .init("CastMap", 1...newestML, domain: ml, MapInputs.make),
        .init("CategoryMapper", 1...newestML, domain: ml, CategoryMapperOperator.init),
        .init("DictVectorizer", 1...newestML, domain: ml, MapInputs.make),
        .init("FeatureVectorizer", 1...newestML, domain: ml, FeatureVectorizerOperator.init),
        .init("Imputer", 1...newestML, domain: ml, ImputerOperator.init),
        .init("LabelEncoder", 1...newestML, domain: ml, LabelEncoderOperator.init),
        .init("LinearClassifier", 1...newestML, domain: ml, LinearClassifierOperator.init),
        .init("LinearRegressor", 1...newestML, domain: ml, LinearRegressorOperator.init),
        .init("Normalizer", 1...newestML, domain: ml, NormalizerOperator.init),
        .init("OneHotEncoder", 1...newestML, domain: ml, OneHotEncoderOperator.init),
        .init("SVMClassifier", 1...newestML, domain: ml, SVMClassifierOperator.init),
        .init("SVMRegressor", 1...newestML, domain: ml, SVMRegressorOperator.init),
        .init("Scaler", 1...newestML, domain: ml, ScalerOperator.init),
        .init("TreeEnsemble", 5...newestML, domain: ml) {
            context throws(OperatorFailure) -> any Operator in
            HalfOperator(try TreeEnsembleOperator(context))
        },
        .init(
            "TreeEnsembleClassifier", 1...newestML, domain: ml, TreeEnsembleClassifierOperator.init),
        .init(
            "TreeEnsembleRegressor", 1...newestML, domain: ml, TreeEnsembleRegressorOperator.init),
        .init("ZipMap", 1...newestML, domain: ml, ZipMapOperator.make),
    ]

    /// What passes make, and what `com.microsoft` needs beside the standard.
    private static let fused: [OperatorEntry] = [
        .init("Attention", 1...1, domain: Node.fusedDomain) {
            context throws(OperatorFailure) -> any Operator in
            HalfOperator(try HeadAttentionOperator(context))
        },
        .init("KeyMask", 1...1, domain: Node.fusedDomain, KeyMaskOperator.init),
        .init("Permute", 1...1, domain: Node.fusedDomain, PermuteOperator.init),
        .init("Linear", 1...1, domain: Node.fusedDomain, LinearOperator.init),
        .init("Conv", 1...1, domain: Node.fusedDomain) {
            context throws(OperatorFailure) -> any Operator in
            HalfOperator(try ConvOperator(context))
        },
        .init("ByteMap", 1...1, domain: Node.fusedDomain, ByteMapOperator.init),
        .init("BytePair", 1...1, domain: Node.fusedDomain, BytePairOperator.init),
        .init("ByteProduct", 1...1, domain: Node.fusedDomain, ByteProductOperator.init),
        .init("QLinearConv", 1...1, domain: Node.fusedDomain, IntegerConvOperator.quantized),
        .init(
            "QLinearConvRows", 1...1, domain: Node.fusedDomain, ByteConvRowsOperator.quantized),
        .init("ConvIntegerRows", 1...1, domain: Node.fusedDomain, ByteConvRowsOperator.plain),
        .init("ConvRows", 1...1, domain: Node.fusedDomain, ConvRowsOperator.init),
        .init("MaxPoolRows", 1...1, domain: Node.fusedDomain, PoolRowsOperator.max),
        .init("AveragePoolRows", 1...1, domain: Node.fusedDomain, PoolRowsOperator.average),
        .init("GlobalMaxPoolRows", 1...1, domain: Node.fusedDomain, PoolRowsOperator.globalMax),
        .init(
            "GlobalAveragePoolRows", 1...1, domain: Node.fusedDomain,
            PoolRowsOperator.globalAverage),
    ]

    private static let ml = "ai.onnx.ml"
}
