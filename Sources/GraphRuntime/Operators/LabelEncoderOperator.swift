import Primitives

/// ai.onnx.ml `LabelEncoder`: each element looked up in a table of keys; what is not there gets the
/// default. Keys and values are strings, int64 or float32 (tables are dictionaries made at load).
final class LabelEncoderOperator: Operator {
    private let table: LabelTable

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        table =
            context.version < 2 ? try Self.readClasses(context) : try Self.readTable(context)
    }

    /// Version 1: a list of strings and their positions, in both directions.
    private static func readClasses(_ context: OperatorContext) throws(OperatorFailure)
        -> LabelTable
    {
        let classes = try context.strings("classes_strings") ?? []
        let string = try context.string("default_string") ?? "_Unused"
        let number = try context.int("default_int64", default: -1)
        var byString: [String: Int] = [:]
        for (index, name) in classes.enumerated() { byString[name] = index }
        let numbers = classes.indices.map { Int64($0) }
        var byInteger: [Int64: Int] = [:]
        for index in classes.indices { byInteger[Int64(index)] = index }
        return LabelTable(
            keys: .either(byString, byInteger), strings: classes, integers: numbers, floats: [],
            defaults: .init(string: string, integer: Int64(number), float: -0.0))
    }

    private static func readTable(_ context: OperatorContext) throws(OperatorFailure) -> LabelTable
    {
        var defaults = LabelTable.Defaults(
            string: try context.string("default_string") ?? "_Unused",
            integer: Int64(try context.int("default_int64", default: -1)),
            float: try context.float("default_float", default: -0.0))
        let keys = try readList(context, "keys")
        let values = try readList(context, "values")
        if context.version >= 4, let tensor = try context.tensor("default_tensor") {
            try defaults.take(tensor)
        }
        guard keys.count == values.count, keys.count > 0 else {
            throw OperatorFailure("it has \(keys.count) keys and \(values.count) values")
        }
        let index: LabelTable.Keys
        switch keys {
        case .strings(let list): index = .strings(unique(list))
        case .integers(let list): index = .integers(unique(list))
        case .floats(let list): index = .floats(unique(list.map { LabelTable.pattern($0) }))
        }
        switch values {
        case .strings(let list):
            return LabelTable(
                keys: index, strings: list, integers: [], floats: [], defaults: defaults)
        case .integers(let list):
            return LabelTable(
                keys: index, strings: [], integers: list, floats: [], defaults: defaults)
        case .floats(let list):
            return LabelTable(
                keys: index, strings: [], integers: [], floats: list, defaults: defaults)
        }
    }

    /// The first position of each key.
    private static func unique<Key: Hashable>(_ keys: [Key]) -> [Key: Int] {
        var result: [Key: Int] = [:]
        for (index, key) in keys.enumerated() where result[key] == nil { result[key] = index }
        return result
    }

    private enum List {
        case strings([String])
        case integers([Int64])
        case floats([Float])

        var count: Int {
            switch self {
            case .strings(let list): list.count
            case .integers(let list): list.count
            case .floats(let list): list.count
            }
        }
    }

    private static func readList(
        _ context: OperatorContext, _ prefix: String
    ) throws(OperatorFailure) -> List {
        if let list = try context.strings(prefix + "_strings") { return .strings(list) }
        if let list = try context.ints(prefix + "_int64s") {
            return .integers(list.map { Int64($0) })
        }
        if let list = try context.floats(prefix + "_floats") { return .floats(list) }
        guard context.version >= 4, let tensor = try context.tensor(prefix + "_tensor") else {
            throw OperatorFailure("it has no attribute with its \(prefix)")
        }
        switch tensor.dataType {
        case .string: return .strings(tensor.strings)
        case .int64: return .integers(tensor.array(as: Int64.self))
        case .float32: return .floats(tensor.array(as: Float.self))
        case .float64, .float16, .bfloat16, .int8, .int16, .int32, .uint8, .uint16, .uint32,
            .uint64, .bool:
            throw OperatorFailure("its \(prefix) of \(tensor.dataType.name) are not supported")
        }
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let type = inputs[0].dataType
        return [ValueInfo(try table.outputType(for: type), inputs[0].shape)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        LabelEncoderStep(inputs[0], outputs[0], table)
    }
}

/// Keys, values and defaults of a label encoder.
struct LabelTable: Sendable {
    enum Keys: Sendable {
        case strings([String: Int])
        case integers([Int64: Int])
        case floats([UInt32: Int])
        /// Version 1: by name or by position.
        case either([String: Int], [Int64: Int])
    }

    struct Defaults: Sendable {
        var string: String
        var integer: Int64
        var float: Float

        mutating func take(_ tensor: Tensor) throws(OperatorFailure) {
            guard tensor.elementCount == 1 else {
                throw OperatorFailure("its default must be one value")
            }
            switch tensor.dataType {
            case .string: string = tensor.strings[0]
            case .int64: integer = tensor.array(as: Int64.self)[0]
            case .float32: float = tensor.array(as: Float.self)[0]
            case .float64, .float16, .bfloat16, .int8, .int16, .int32, .uint8, .uint16, .uint32,
                .uint64, .bool:
                throw OperatorFailure("its default of \(tensor.dataType.name) is not supported")
            }
        }
    }

    let keys: Keys
    /// One of the three holds the values (two in version 1).
    let strings: [String]
    let integers: [Int64]
    let floats: [Float]
    let defaults: Defaults

    func outputType(for input: DataType) throws(OperatorFailure) -> DataType {
        let wanted: [DataType]
        switch keys {
        case .strings: wanted = [.string]
        case .integers: wanted = [.int64]
        case .floats: wanted = [.float32]
        case .either:
            if input == .string { return .int64 }
            if input == .int64 { return .string }
            wanted = [.string, .int64]
        }
        guard wanted.contains(input) else {
            throw OperatorFailure("its keys are \(wanted[0].name), its input is \(input.name)")
        }
        if !strings.isEmpty { return .string }
        return integers.isEmpty ? .float32 : .int64
    }

    /// A float as a key: all NaN are one, and so are the two zeros.
    static func pattern(_ value: Float) -> UInt32 {
        if value.isNaN { return Float.nan.bitPattern }
        return value == 0 ? 0 : value.bitPattern
    }

    /// The position of an element's key.
    func find(_ workspace: Workspace, _ operand: borrowing Operand, _ index: Int) -> Int? {
        switch keys {
        case .strings(let table): table[workspace.string(operand, index)]
        case .integers(let table): table[workspace.span(operand, as: Int64.self)[index]]
        case .floats(let table):
            table[Self.pattern(workspace.span(operand, as: Float.self)[index])]
        case .either(let names, let positions):
            operand.dataType == .string
                ? names[workspace.string(operand, index)]
                : positions[workspace.span(operand, as: Int64.self)[index]]
        }
    }
}

private final class LabelEncoderStep: Step {
    private let (x, y): (Operand, Operand)
    private let table: LabelTable

    init(_ x: Operand, _ y: Operand, _ table: LabelTable) {
        (self.x, self.y, self.table) = (x, y, table)
    }

    func run(_ workspace: Workspace) {
        for index in 0..<x.count {
            let place = table.find(workspace, x, index)
            switch y.dataType {
            case .string:
                let value = place.map { table.strings[$0] } ?? table.defaults.string
                workspace.setString(y, index, value)
            case .int64:
                var target = workspace.mutableSpan(y, as: Int64.self)
                target[index] = place.map { table.integers[$0] } ?? table.defaults.integer
            case .float32, .float64, .float16, .bfloat16, .int8, .int16, .int32, .uint8, .uint16,
                .uint32, .uint64, .bool:
                var target = workspace.mutableSpan(y, as: Float.self)
                target[index] = place.map { table.floats[$0] } ?? table.defaults.float
            }
        }
    }
}
