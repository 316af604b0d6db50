/// How the leaves that one row reaches become the score of a target (ai.onnx.ml TreeEnsemble).
public enum ForestAggregate: UInt8, Sendable, CaseIterable {
    case sum, average, minimum, maximum
}
