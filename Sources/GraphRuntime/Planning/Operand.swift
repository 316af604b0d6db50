import Primitives

/// Where a value lives while a plan runs, with its type and shape.
struct Operand: Sendable {
    let dataType: DataType
    let shape: [Int]
    let count: Int
    /// The memory of a constant; nil for a value in one of the workspace's buffers.
    let constant: AlignedMemory?
    /// The strings of a constant string tensor.
    let constantStrings: [String]?
    /// The workspace's buffer: 0 is the arena, then the inputs, the outputs, strings in between.
    let buffer: Int
    let byteOffset: Int

    init(_ tensor: Tensor) {
        dataType = tensor.dataType
        shape = tensor.shape
        count = tensor.elementCount
        constant = tensor.memory
        constantStrings = tensor.dataType == .string ? tensor.strings : nil
        buffer = -1
        byteOffset = 0
    }

    init(_ info: ValueInfo, buffer: Int, byteOffset: Int) {
        dataType = info.dataType
        shape = info.shape
        count = info.shape.reduce(1, *)
        constant = nil
        constantStrings = nil
        self.buffer = buffer
        self.byteOffset = byteOffset
    }

    private init(_ other: Operand, shape: [Int]) {
        dataType = other.dataType
        self.shape = shape
        count = other.count
        constant = other.constant
        constantStrings = other.constantStrings
        buffer = other.buffer
        byteOffset = other.byteOffset
    }

    /// The same values seen in another shape of as many elements.
    func viewed(_ shape: [Int]) -> Operand {
        precondition(shape.reduce(1, *) == count, "a view has as many elements")
        return Operand(self, shape: shape)
    }

    /// The contents of a constant.
    var tensor: Tensor? {
        if let constantStrings { return Tensor(shape: shape, strings: constantStrings) }
        guard let constant else { return nil }
        return Tensor(dataType: dataType, shape: shape, memory: constant)
    }
}
