/// ai.onnx.ml `ZipMap` makes a list of maps from a matrix of probabilities. A pass turns it into
/// the matrix itself and remembers its labels; one that is left stands where it cannot be removed.
enum ZipMapOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        throw OperatorFailure("its maps are read by another operator; that is not supported")
    }
}
