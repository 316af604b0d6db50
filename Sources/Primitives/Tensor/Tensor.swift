/// A whole tensor: a dtype, a shape and its values in row-major order.
///
/// Tensors are what files hold and graphs keep as constants. The request path does not use them:
/// there, values are rows of a `TensorBatch`. Immutable once shared.
public struct Tensor: Sendable {
    public let dataType: DataType
    public let shape: [Int]
    /// Numbers and booleans (one byte each); nil for a string tensor.
    public let memory: AlignedMemory?
    /// Values of a string tensor; empty otherwise.
    public let strings: [String]

    /// A numeric tensor over memory that holds at least the product of `shape` elements.
    public init(dataType: DataType, shape: [Int], memory: AlignedMemory) {
        precondition(dataType != .string, "strings do not live in memory blocks")
        self.dataType = dataType
        self.shape = shape
        self.memory = memory
        strings = []
        precondition(
            memory.byteCount >= elementCount * dataType.byteCount, "memory covers the shape")
    }

    /// A zeroed numeric tensor.
    public init(dataType: DataType, shape: [Int]) {
        let count = shape.reduce(1, *)
        let memory = AlignedMemory(byteCount: count * dataType.byteCount)
        self.init(dataType: dataType, shape: shape, memory: memory)
    }

    /// A tensor of strings.
    public init(shape: [Int], strings: [String]) {
        precondition(strings.count == shape.reduce(1, *), "one string an element")
        dataType = .string
        self.shape = shape
        memory = nil
        self.strings = strings
    }

    /// A tensor from an array of plain values.
    public init<T: BitwiseCopyable>(_ dataType: DataType, shape: [Int], _ values: [T]) {
        precondition(
            MemoryLayout<T>.stride == dataType.byteCount, "the element has the dtype's size")
        precondition(values.count == shape.reduce(1, *), "one value an element")
        let memory = AlignedMemory(byteCount: values.count * dataType.byteCount)
        var target = memory.mutableSpan(as: T.self)
        for index in values.indices { target[index] = values[index] }
        self.init(dataType: dataType, shape: shape, memory: memory)
    }

    public var elementCount: Int { shape.reduce(1, *) }

    /// The values, for reading. The tensor must not be of strings.
    @_lifetime(borrow self)
    public func span<T: BitwiseCopyable>(as type: T.Type) -> Span<T> {
        guard let memory else { preconditionFailure("a string tensor has no numeric values") }
        precondition(
            MemoryLayout<T>.stride == dataType.byteCount, "the element has the dtype's size")
        return memory.span(as: type, byteOffset: 0, count: elementCount, owner: self)
    }

    /// The values, for writing while nobody else holds the tensor.
    @_lifetime(borrow self)
    public func mutableSpan<T: BitwiseCopyable>(as type: T.Type) -> MutableSpan<T> {
        guard let memory else { preconditionFailure("a string tensor has no numeric values") }
        precondition(
            MemoryLayout<T>.stride == dataType.byteCount, "the element has the dtype's size")
        return memory.mutableSpan(as: type, byteOffset: 0, count: elementCount, owner: self)
    }

    /// A copy of the values as an array.
    public func array<T: BitwiseCopyable>(as type: T.Type) -> [T] {
        let values = span(as: type)
        var result: [T] = []
        result.reserveCapacity(values.count)
        for index in values.indices { result.append(values[index]) }
        return result
    }
}
