import Primitives

/// What is known about a value while planning: its type and shape always, its contents sometimes.
public struct ValueInfo: Sendable {
    public let dataType: DataType
    public let shape: [Int]
    /// The contents, where they do not depend on the caller's values (weights, shape arithmetic).
    public let constant: Tensor?

    public init(_ dataType: DataType, _ shape: [Int], constant: Tensor? = nil) {
        self.dataType = dataType
        self.shape = shape
        self.constant = constant
    }

    init(_ tensor: Tensor) { self.init(tensor.dataType, tensor.shape, constant: tensor) }
}

/// Why an operator refuses its attributes, its inputs or a value. Whoever knows the node adds its
/// name, operator and version (`GraphError`).
struct OperatorFailure: Error {
    let reason: String
    /// True when only the values of its inputs, not their shapes, tell what the operator makes.
    let needsValues: Bool

    init(_ reason: String, needsValues: Bool = false) {
        self.reason = reason
        self.needsValues = needsValues
    }
}

/// A node made ready for any shape: attributes read and checked, weights packed. Built once when
/// its model is loaded, shared by all plans and threads.
protocol Operator: AnyObject, Sendable {
    /// True when output 0 is input 0's bytes under another shape: such a node costs nothing.
    var isView: Bool { get }

    /// Inputs that were taken over when the operator was built, as constants: their nodes read them no
    /// more, and the tensors can be freed.
    var absorbedInputs: [Int] { get }

    /// False when two runs on the same inputs may differ: such a node is never folded.
    var isFoldable: Bool { get }

    /// The types and shapes of the outputs. An output whose contents follow from the shapes alone
    /// (`Shape`) comes with its constant.
    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]

    /// The step that computes the node for operands of known shape and place. All sizes were
    /// checked by `infer`.
    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step

    /// Memory the step needs for itself while it runs; it comes with the operands of `prepare`.
    func scratch(_ inputs: Inputs, _ outputs: [ValueInfo]) -> [ValueInfo]

    /// Floating-point operations of one run, for `bench`.
    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int
}

extension Operator {
    var isView: Bool { false }

    var absorbedInputs: [Int] { [] }

    var isFoldable: Bool { true }

    func scratch(_ inputs: Inputs, _ outputs: [ValueInfo]) -> [ValueInfo] { [] }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        outputs.first.map { $0.shape.reduce(1, *) } ?? 0
    }
}

/// One node of a plan, ready to run: shapes, strides and places are settled.
///
/// `run` is the hot path. It allocates nothing and keeps the order of every sum independent of
/// where a row stands in the batch. Only a value (an index out of range) can make it fail.
///
/// A step that is generic over its element type says for which types `run` is compiled on its own
/// (`@_specialize`): a plan calls it through this protocol, where the compiler would use the one body
/// for all types, which is 50 times slower.
protocol Step: AnyObject, Sendable {
    func run(_ workspace: Workspace) throws(OperatorFailure)
}

/// The inputs of a node while planning.
struct Inputs {
    let list: [ValueInfo?]

    init(_ list: [ValueInfo?]) { self.list = list }

    var count: Int { list.count }

    func optional(_ index: Int) -> ValueInfo? {
        index < list.count ? list[index] : nil
    }

    /// The input at `index`; the operator's context has made sure that it is there.
    subscript(_ index: Int) -> ValueInfo {
        guard let info = optional(index) else {
            preconditionFailure("a required input was checked when the node was built")
        }
        return info
    }

    /// The input's type, when it is one of those an operator computes with.
    func dataType(
        _ index: Int, oneOf types: [DataType], _ role: String
    ) throws(OperatorFailure) -> DataType {
        let type = self[index].dataType
        guard types.contains(type) else {
            let names = types.map(\.name).joined(separator: ", ")
            throw OperatorFailure("\(role) is \(type.name); supported here: \(names)")
        }
        return type
    }

    /// A matrix of rows × columns, or a vector as one row. Throws when it has not `columns`.
    func matrix(_ index: Int, columns: Int? = nil) throws(OperatorFailure) -> (Int, Int) {
        let shape = self[index].shape
        guard shape.count == 1 || shape.count == 2, let last = shape.last else {
            throw OperatorFailure(
                "its input has shape \(Shape.text(shape)); it takes a matrix, a row for each item")
        }
        if let columns, columns != last {
            throw OperatorFailure("its input has \(last) columns; the model takes \(columns)")
        }
        return (shape.count == 1 ? 1 : shape[0], last)
    }

    /// A small list of integers that must be known while planning (axes, a target shape).
    func integers(_ index: Int, _ role: String) throws(OperatorFailure) -> [Int] {
        let info = self[index]
        guard let constant = info.constant else {
            throw OperatorFailure("\(role) depends on the values of inputs", needsValues: true)
        }
        guard let values = constant.integers else {
            throw OperatorFailure("\(role) must be int64 or int32, not \(constant.dataType.name)")
        }
        return values
    }
}

/// The operands of a node in a plan.
struct Operands {
    let list: [Operand?]
    /// What `Operator.scratch` asked for; only with outputs.
    let scratch: [Operand]

    init(_ list: [Operand?], scratch: [Operand] = []) {
        self.list = list
        self.scratch = scratch
    }

    var count: Int { list.count }

    func optional(_ index: Int) -> Operand? { index < list.count ? list[index] : nil }

    /// What planning knows of them: types, shapes, and the contents of constants.
    var infos: Inputs {
        Inputs(
            list.map { operand in
                operand.map { ValueInfo($0.dataType, $0.shape, constant: $0.tensor) }
            })
    }

    /// The operand at `index`, which was checked when the node was built.
    subscript(_ index: Int) -> Operand {
        guard let operand = optional(index) else {
            preconditionFailure("a required operand was checked when the node was built")
        }
        return operand
    }
}

extension Tensor {
    /// The values of an int64 or int32 tensor, nil for other types.
    var integers: [Int]? {
        switch dataType {
        case .int64: array(as: Int64.self).map { Int($0) }
        case .int32: array(as: Int32.self).map { Int($0) }
        case .float32, .float64, .float16, .bfloat16, .int8, .int16, .uint8, .uint16, .uint32,
            .uint64, .bool, .string:
            nil
        }
    }
}
