/// What a dense kernel does to a value on its way to memory, after the bias was added.
public enum Activation: UInt8, Sendable, CaseIterable {
    case none, relu, sigmoid, tanh
}
