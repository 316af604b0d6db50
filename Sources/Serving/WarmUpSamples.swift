import Models
import Primitives

/// Instances of model.json's `warm_up.samples` as the values of a model's inputs.
struct WarmUpSamples {
    private enum Values {
        case numbers([Double])
        case integers([Int64])
        case strings([String])
    }

    private struct Input {
        /// Of one row; the same for all samples.
        var rowShape: [Int]
        /// One a sample.
        var values: [Values] = []
    }

    private let inputs: [Input]
    private let count: Int

    /// Reads instances as a request's `instances` are: a row where there is one input, else an object
    /// with a member an input. Samples have one shape.
    init(_ instances: [JSONValue], signature: Signature) throws(WarmUpSampleError) {
        count = instances.count
        var inputs = signature.inputs.map { Input(rowShape: signature.rowShape(of: $0)) }
        for (index, instance) in instances.enumerated() {
            let place = "warm_up.samples[\(index)]"
            for (number, spec) in signature.inputs.enumerated() {
                let value: JSONValue
                if let member = instance[spec.name] {
                    value = member
                } else if signature.inputs.count == 1, instance.members == nil {
                    value = instance
                } else {
                    throw WarmUpSampleError("\(place) has no '\(spec.name)'")
                }
                try Self.read(value, spec, place, isFirst: index == 0, into: &inputs[number])
            }
        }
        self.inputs = inputs
    }

    private static func read(
        _ value: JSONValue, _ spec: TensorSpec, _ place: String, isFirst: Bool,
        into input: inout Input
    ) throws(WarmUpSampleError) {
        var leaves: [JSONValue] = []
        let shape = try Self.shape(value, place, &leaves)
        guard shape.count == input.rowShape.count,
            zip(shape, input.rowShape).allSatisfy({ $1 < 0 || $0 == $1 })
        else {
            throw WarmUpSampleError(
                "\(place) is of shape \(shape) for input '\(spec.name)'; "
                    + (isFirst ? "the model" : "the first sample") + " has \(input.rowShape)")
        }
        if isFirst { input.rowShape = shape }
        switch spec.dataType {
        case .string:
            let texts = leaves.compactMap(\.text)
            guard texts.count == leaves.count else {
                throw WarmUpSampleError("\(place) is to hold strings for '\(spec.name)'")
            }
            input.values.append(.strings(texts))
        case .bool, .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64:
            let numbers = leaves.compactMap { $0.integer ?? $0.boolean.map { $0 ? 1 : 0 } }
            guard numbers.count == leaves.count,
                numbers.allSatisfy({ Self.fits($0, spec.dataType) })
            else {
                throw WarmUpSampleError(
                    "\(place) is to hold \(spec.dataType.name) numbers for '\(spec.name)'")
            }
            input.values.append(.integers(numbers))
        case .float16, .bfloat16, .float32, .float64:
            let numbers = leaves.compactMap(\.number)
            guard numbers.count == leaves.count else {
                throw WarmUpSampleError("\(place) is to hold numbers for '\(spec.name)'")
            }
            input.values.append(.numbers(numbers))
        }
    }

    /// The shape of nested arrays, and what is in them.
    private static func shape(
        _ value: JSONValue, _ place: String, _ leaves: inout [JSONValue]
    ) throws(WarmUpSampleError) -> [Int] {
        guard let elements = value.elements else {
            leaves.append(value)
            return []
        }
        var inner: [Int]?
        for element in elements {
            let shape = try shape(element, place, &leaves)
            guard inner == nil || inner == shape else {
                throw WarmUpSampleError("\(place) has arrays of different lengths")
            }
            inner = shape
        }
        return [elements.count] + (inner ?? [])
    }

    private static func fits(_ value: Int64, _ type: DataType) -> Bool {
        switch type {
        case .bool: value == 0 || value == 1
        case .int8: Int8(exactly: value) != nil
        case .int16: Int16(exactly: value) != nil
        case .int32: Int32(exactly: value) != nil
        case .uint8: UInt8(exactly: value) != nil
        case .uint16: UInt16(exactly: value) != nil
        case .uint32: UInt32(exactly: value) != nil
        case .uint64: value >= 0
        case .int64: true
        case .string, .float16, .bfloat16, .float32, .float64: false
        }
    }

    /// Concrete row shapes, an input each.
    var rowShapes: [[Int]] { inputs.map(\.rowShape) }

    /// Writes the samples into the first `rows` rows, again and again.
    func fill(_ columns: [TensorColumn], rows: Int) {
        for (number, column) in columns.enumerated() {
            for row in 0..<rows {
                write(inputs[number].values[row % count], to: column, row: row)
            }
        }
    }

    private func write(_ values: Values, to column: TensorColumn, row: Int) {
        let start = row * column.elementsPerRow
        switch values {
        case .strings(let texts):
            for (index, text) in texts.enumerated() { column.strings[start + index] = text }
        case .numbers(let numbers):
            switch column.spec.dataType {
            case .float32: Self.put(numbers, column, start) { Float($0) }
            case .float64: Self.put(numbers, column, start) { $0 }
            case .float16: Self.put(numbers, column, start) { Float16($0).bitPattern }
            case .bfloat16:
                Self.put(numbers, column, start) {
                    UInt16(truncatingIfNeeded: Float($0).bitPattern >> 16)
                }
            case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64, .bool, .string:
                preconditionFailure("numbers were read for a column of floats")
            }
        case .integers(let numbers):
            switch column.spec.dataType {
            case .int8, .uint8, .bool:
                Self.put(numbers, column, start) { UInt8(truncatingIfNeeded: $0) }
            case .int16, .uint16:
                Self.put(numbers, column, start) { UInt16(truncatingIfNeeded: $0) }
            case .int32, .uint32:
                Self.put(numbers, column, start) { UInt32(truncatingIfNeeded: $0) }
            case .int64, .uint64: Self.put(numbers, column, start) { $0 }
            case .float16, .bfloat16, .float32, .float64, .string:
                preconditionFailure("integers were read for a column of integers")
            }
        }
    }

    private static func put<From, To: BitwiseCopyable>(
        _ values: [From], _ column: TensorColumn, _ start: Int, _ convert: (From) -> To
    ) {
        var elements = column.mutableElements(from: start, count: values.count, as: To.self)
        for index in values.indices { elements[index] = convert(values[index]) }
    }
}

/// Samples that do not fit their model: which, and what was expected.
struct WarmUpSampleError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
