import Primitives

/// How far a tensor is from what it should be.
///
/// Floats agree when |value - reference| ≤ absolute + relative · |reference|, when both are NaN, or
/// when both are the same infinity; everything else must be equal.
public struct TensorComparison: Sendable {
    /// The two have one shape and one type.
    public let hasSameForm: Bool
    /// The largest difference; infinite where one is NaN or infinite and the other is not.
    public private(set) var absoluteErrorMax = 0.0
    /// The largest distance of two floats, counted in floats of their type between them; nil when the
    /// type has none, or nothing was compared.
    public private(set) var placesMax: UInt64?
    /// Elements outside of the tolerance.
    public private(set) var mismatchCount = 0
    /// The first of them.
    public private(set) var firstMismatch: Int?
    private let form: String

    public var agrees: Bool { hasSameForm && mismatchCount == 0 }

    /// - Cost: O(elements).
    public init(
        _ tensor: Tensor, _ reference: Tensor, relative: Double, absolute: Double
    ) {
        hasSameForm = tensor.shape == reference.shape && tensor.dataType == reference.dataType
        form =
            "\(tensor.dataType.name) \(tensor.shape), expected "
            + "\(reference.dataType.name) \(reference.shape)"
        guard hasSameForm else { return }
        switch tensor.dataType {
        case .float32:
            floats(
                tensor.array(as: Float.self).map { (Double($0), UInt64($0.bitPattern)) },
                reference.array(as: Float.self).map { (Double($0), UInt64($0.bitPattern)) },
                signBit: 1 << 31, relative, absolute)
        case .float64:
            floats(
                tensor.array(as: Double.self).map { ($0, $0.bitPattern) },
                reference.array(as: Double.self).map { ($0, $0.bitPattern) }, signBit: 1 << 63,
                relative, absolute)
        case .float16:
            let value = { (bits: UInt16) in (Double(Float16(bitPattern: bits)), UInt64(bits)) }
            floats(
                tensor.array(as: UInt16.self).map(value),
                reference.array(as: UInt16.self).map(value),
                signBit: 1 << 15, relative, absolute)
        case .bfloat16:
            let value = { (bits: UInt16) in
                (Double(Float(bitPattern: UInt32(bits) << 16)), UInt64(bits))
            }
            floats(
                tensor.array(as: UInt16.self).map(value),
                reference.array(as: UInt16.self).map(value),
                signBit: 1 << 15, relative, absolute)
        case .int8: integers(tensor, reference, as: Int8.self)
        case .int16: integers(tensor, reference, as: Int16.self)
        case .int32: integers(tensor, reference, as: Int32.self)
        case .int64: integers(tensor, reference, as: Int64.self)
        case .uint8, .bool: integers(tensor, reference, as: UInt8.self)
        case .uint16: integers(tensor, reference, as: UInt16.self)
        case .uint32: integers(tensor, reference, as: UInt32.self)
        case .uint64: integers(tensor, reference, as: UInt64.self)
        case .string:
            for (index, pair) in zip(tensor.strings, reference.strings).enumerated()
            where pair.0 != pair.1 { note(index) }
        }
    }

    /// `max error 1.2e-07, 3 ulp`, or what is wrong.
    public var text: String {
        guard hasSameForm else { return "is \(form)" }
        var text = "max error \(absoluteErrorMax)"
        if let placesMax { text += ", \(placesMax) ulp" }
        if let firstMismatch {
            text += ", \(mismatchCount) values differ, the first at \(firstMismatch)"
        }
        return text
    }

    private mutating func note(_ index: Int) {
        mismatchCount += 1
        if firstMismatch == nil { firstMismatch = index }
    }

    private mutating func floats(
        _ values: [(Double, UInt64)], _ references: [(Double, UInt64)], signBit: UInt64,
        _ relative: Double, _ absolute: Double
    ) {
        for (index, (value, reference)) in zip(values, references).enumerated() {
            if value.0.isNaN && reference.0.isNaN || value.0 == reference.0 {
                placesMax = max(placesMax ?? 0, 0)
                continue
            }
            let error = (value.0 - reference.0).magnitude
            let isFinite = error.isFinite
            absoluteErrorMax = max(absoluteErrorMax, isFinite ? error : .infinity)
            if !(isFinite && error <= absolute + relative * reference.0.magnitude) { note(index) }
            let places = Self.places(value.1, reference.1, signBit)
            placesMax = max(placesMax ?? 0, places)
        }
    }

    /// Floats lie on a line by their bits: positive ones from 0 up, negative ones from 0 down.
    private static func places(_ a: UInt64, _ b: UInt64, _ signBit: UInt64) -> UInt64 {
        let (left, right) = (a & ~signBit, b & ~signBit)
        let haveOneSign = a & signBit == b & signBit
        return haveOneSign ? max(left, right) - min(left, right) : left + right
    }

    private mutating func integers<T: FixedWidthInteger & BitwiseCopyable>(
        _ tensor: Tensor, _ reference: Tensor, as type: T.Type
    ) {
        let pairs = zip(tensor.array(as: type), reference.array(as: type))
        for (index, (value, wanted)) in pairs.enumerated() where value != wanted {
            absoluteErrorMax = max(absoluteErrorMax, (Double(value) - Double(wanted)).magnitude)
            note(index)
        }
    }
}
