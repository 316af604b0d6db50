import Models
import Primitives

/// How a model wants rows of different lengths brought to one shape, so that they can share a run:
/// `batching.padding` of `model.json`.
///
/// A row is padded to the smallest bucket that holds it, never to its longest companion: what it is
/// computed from does not depend on what else is in the batch. Rows longer than the last bucket keep
/// their length.
public struct PaddingRule: Sendable, Equatable {
    /// Inputs that have the length at `dimension`; all are padded.
    public let inputs: [String]
    /// The padded dimension, counted in the input's full shape: 0 is the batch, so at least 1.
    public let dimension: Int
    /// What stands behind the true values (0 or any number the dtype holds exactly).
    public let value: Double
    /// The input that tells the model which values are true: 1 for those, 0 for padding. Clients do
    /// not send it. Nil when the model needs none.
    public let mask: String?
    /// Lengths rows are padded to, ascending.
    public let buckets: [Int]

    public init(inputs: [String], dimension: Int, value: Double, mask: String?, buckets: [Int]) {
        self.inputs = inputs
        self.dimension = dimension
        self.value = value
        self.mask = mask
        self.buckets = buckets.sorted()
    }

    /// Reads the object of `model.json`; the error names the key.
    init(_ tree: JSONValue, _ place: ModelConfiguration.Place) throws(ConfigurationError) {
        var inputs: [String] = []
        var dimension = 1
        var value = 0.0
        var mask: String?
        var buckets: [Int] = []
        for member in try ModelConfiguration.members(tree, place) {
            let inner = place.inside(member.key)
            switch member.key {
            case "inputs": inputs = try Self.names(member.value, inner)
            case "dimension": dimension = try ModelConfiguration.count(member.value, 1...16, inner)
            case "value":
                guard let number = member.value.number else {
                    throw inner.error("expected a number")
                }
                value = number
            case "mask": mask = try ModelConfiguration.text(member.value, inner)
            case "buckets": buckets = try Self.lengths(member.value, inner)
            default:
                throw inner.error(
                    "unknown key; known here: inputs, dimension, value, mask, buckets")
            }
        }
        guard !inputs.isEmpty else {
            throw place.inside("inputs").error("name the inputs to pad")
        }
        guard !buckets.isEmpty else {
            throw place.inside("buckets").error("give the lengths to pad to")
        }
        self.init(
            inputs: inputs, dimension: dimension, value: value, mask: mask, buckets: buckets)
    }

    private static func names(
        _ value: JSONValue, _ place: ModelConfiguration.Place
    ) throws(ConfigurationError) -> [String] {
        guard let elements = value.elements else {
            throw place.error("expected an array of strings")
        }
        var names: [String] = []
        for element in elements { names.append(try ModelConfiguration.text(element, place)) }
        return names
    }

    private static func lengths(
        _ value: JSONValue, _ place: ModelConfiguration.Place
    ) throws(ConfigurationError) -> [Int] {
        guard let elements = value.elements, elements.count <= Limits.standard.paddingBucketsMax
        else {
            throw place.error(
                "expected an array of at most \(Limits.standard.paddingBucketsMax) lengths")
        }
        var lengths: [Int] = []
        for element in elements {
            lengths.append(try ModelConfiguration.count(element, 1...(1 << 20), place))
        }
        return lengths
    }

    /// The length a row of `length` is padded to.
    public func bucket(for length: Int) -> Int {
        for bucket in buckets where bucket >= length { return bucket }
        return length
    }

    /// Why this model cannot be padded so, or nil.
    public func problem(with signature: Signature) -> String? {
        guard signature.batchDimension == .dynamic else {
            return "batching.padding: the model has no dynamic batch dimension"
        }
        for name in inputs {
            guard let spec = signature.inputs.first(where: { $0.name == name }) else {
                return "batching.padding.inputs: the model has no input '\(name)'"
            }
            guard dimension < spec.shape.count, spec.shape[dimension] < 0 else {
                return "batching.padding.dimension: dimension \(dimension) of input '\(name)' is "
                    + "not dynamic"
            }
            guard spec.dataType != .string, Self.holds(spec.dataType, value) else {
                return "batching.padding.value: input '\(name)' is \(spec.dataType) and cannot "
                    + "hold \(value)"
            }
        }
        guard let mask else { return nil }
        guard let spec = signature.inputs.first(where: { $0.name == mask }) else {
            return "batching.padding.mask: the model has no input '\(mask)'"
        }
        guard !inputs.contains(mask) else {
            return "batching.padding.mask: '\(mask)' is among the padded inputs"
        }
        guard spec.shape.count == 2, spec.shape[1] < 0, spec.dataType != .string else {
            return "batching.padding.mask: expected numbers of shape [batch, length]"
        }
        return nil
    }

    private static func holds(_ type: DataType, _ value: Double) -> Bool {
        switch type {
        case .float32: Double(Float(value)) == value
        case .float64: true
        case .float16: Double(Float16(value)) == value
        case .bfloat16: Float(value).bitPattern & 0xFFFF == 0 && Double(Float(value)) == value
        case .int8: Int8(exactly: value) != nil
        case .int16: Int16(exactly: value) != nil
        case .int32: Int32(exactly: value) != nil
        case .int64: Int64(exactly: value) != nil
        case .uint8: UInt8(exactly: value) != nil
        case .uint16: UInt16(exactly: value) != nil
        case .uint32: UInt32(exactly: value) != nil
        case .uint64: UInt64(exactly: value) != nil
        case .bool: value == 0 || value == 1
        case .string: false
        }
    }
}
