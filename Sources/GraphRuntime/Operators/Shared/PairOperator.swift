import Primitives

/// A function of two tensors element by element, with NumPy broadcasting, given for each type.
final class PairOperator: Operator {
    typealias Make = @Sendable (PairPlaces) throws(OperatorFailure) -> any Step

    private let types: [DataType]
    private let result: DataType?
    /// Whether both inputs must have one type.
    private let isUniform: Bool
    private let make: Make

    /// - Parameter result: the type of the output; nil is that of the first input.
    init(
        _ context: OperatorContext, types: [DataType], result: DataType? = nil,
        isUniform: Bool = true, _ make: @escaping Make
    ) throws(OperatorFailure) {
        try context.requireInputs(2)
        try context.requireOutputs(1)
        (self.types, self.result, self.isUniform, self.make) = (types, result, isUniform, make)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let type = try inputs.dataType(0, oneOf: types, "its first input")
        if isUniform {
            try inputs.requireSameType(0, 1)
        } else {
            _ = try inputs.dataType(1, oneOf: types, "its second input")
        }
        return [ValueInfo(result ?? type, try inputs.broadcastShape())]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        try make(try PairPlaces(inputs[0], inputs[1], outputs[0]))
    }
}

/// Two operands and the walk that broadcasts them to a result.
struct PairPlaces: Sendable {
    let (a, b, y): (Operand, Operand, Operand)
    let loop: StridedLoop

    init(_ a: Operand, _ b: Operand, _ y: Operand) throws(OperatorFailure) {
        (self.a, self.b, self.y) = (a, b, y)
        let loop = StridedLoop(
            shape: y.shape, stridesA: StridedLoop.broadcastStrides(a.shape, to: y.shape),
            stridesB: StridedLoop.broadcastStrides(b.shape, to: y.shape))
        guard let loop else { throw OperatorFailure("its broadcast has too many dimensions") }
        self.loop = loop
    }
}

/// y = function(a, b) over a broadcast.
final class PairStep<A, B, Y>: Step
where A: BitwiseCopyable & Sendable, B: BitwiseCopyable & Sendable, Y: BitwiseCopyable & Sendable {
    private let places: PairPlaces
    private let function: @Sendable (A, B) -> Y

    init(_ places: PairPlaces, _ function: @escaping @Sendable (A, B) -> Y) {
        self.places = places
        self.function = function
    }

    @_specialize(where A == Float, B == Float, Y == Float)
    @_specialize(where A == Double, B == Double, Y == Double)
    @_specialize(where A == Float, B == Float, Y == UInt8)
    @_specialize(where A == Int64, B == Int64, Y == UInt8)
    @_specialize(where A == UInt8, B == UInt8, Y == UInt8)
    func run(_ workspace: Workspace) {
        let left = workspace.span(places.a, as: A.self)
        let right = workspace.span(places.b, as: B.self)
        var result = workspace.mutableSpan(places.y, as: Y.self)
        let loop = places.loop
        var position = StridedLoop.Position()
        var target = 0
        for _ in 0..<loop.outerCount {
            var (i, j) = (position.offsetA, position.offsetB)
            for _ in 0..<loop.innerCount {
                result[target] = function(left[i], right[j])
                target += 1
                i += loop.innerStrideA
                j += loop.innerStrideB
            }
            position.advance(loop)
        }
    }
}

/// y = whether the strings of a and b satisfy a test, over a broadcast.
final class StringPairStep: Step {
    private let places: PairPlaces
    private let test: @Sendable (String, String) -> Bool

    init(_ places: PairPlaces, _ test: @escaping @Sendable (String, String) -> Bool) {
        self.places = places
        self.test = test
    }

    func run(_ workspace: Workspace) {
        var result = workspace.mutableSpan(places.y, as: UInt8.self)
        let loop = places.loop
        var position = StridedLoop.Position()
        var target = 0
        for _ in 0..<loop.outerCount {
            var (i, j) = (position.offsetA, position.offsetB)
            for _ in 0..<loop.innerCount {
                let (a, b) = (workspace.string(places.a, i), workspace.string(places.b, j))
                result[target] = test(a, b) ? 1 : 0
                target += 1
                i += loop.innerStrideA
                j += loop.innerStrideB
            }
            position.advance(loop)
        }
    }
}

extension Inputs {
    /// The shape of inputs 0 and 1 broadcast together.
    func broadcastShape() throws(OperatorFailure) -> [Int] {
        guard let shape = Shape.broadcast(self[0].shape, self[1].shape) else {
            let a = Shape.text(self[0].shape)
            let b = Shape.text(self[1].shape)
            throw OperatorFailure("shapes \(a) and \(b) cannot be broadcast together")
        }
        return shape
    }
}
