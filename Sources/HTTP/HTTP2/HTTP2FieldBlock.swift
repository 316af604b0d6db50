import CNghttp2
import Primitives

/// The field list of one answer as nghttp2 takes it: pairs of pointers, into static text, into a
/// caller's bytes or into scratch memory. Reused; what it points at must stay until the list is
/// submitted, when nghttp2 copies all that is not static.
@safe final class HTTP2FieldBlock {
    /// Fields of a head, and those of a field list.
    private static let pairsMax = 24 + HTTPFieldList.countMax
    private static let scratchBytesMax = 4096

    private let storage: UnsafeMutablePointer<nghttp2_nv>
    private let scratch: UnsafeMutablePointer<UInt8>
    private var scratchUsed = 0
    private(set) var count = 0

    init() {
        storage = .allocate(capacity: Self.pairsMax)
        scratch = .allocate(capacity: Self.scratchBytesMax)
    }

    deinit {
        storage.deallocate()
        scratch.deallocate()
    }

    var pairs: UnsafePointer<nghttp2_nv> { UnsafePointer(storage) }

    func removeAll() {
        count = 0
        scratchUsed = 0
    }

    func append(_ name: StaticString, _ value: StaticString) {
        append(
            name.utf8Start, name.utf8CodeUnitCount, value.utf8Start, value.utf8CodeUnitCount,
            NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue)
    }

    func append(_ name: StaticString, decimal value: Int) {
        precondition(value >= 0, "numbers of an answer are not negative")
        let start = scratchUsed
        var digits = 1
        var rest = value
        while rest >= 10 {
            rest /= 10
            digits += 1
        }
        precondition(start + digits <= Self.scratchBytesMax, "the scratch holds a head's numbers")
        rest = value
        for index in stride(from: start + digits - 1, through: start, by: -1) {
            scratch[index] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
        scratchUsed += digits
        append(
            name.utf8Start, name.utf8CodeUnitCount, scratch + start, digits,
            NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue)
    }

    func append(_ name: StaticString, copying value: Span<UInt8>) {
        let start = scratchUsed
        precondition(
            start + value.count <= Self.scratchBytesMax, "the scratch holds a head's values")
        value.withUnsafeBufferPointer { bytes in
            guard let first = bytes.baseAddress else { return }
            (scratch + start).update(from: first, count: bytes.count)
        }
        scratchUsed += value.count
        append(
            name.utf8Start, name.utf8CodeUnitCount, scratch + start, value.count,
            NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue)
    }

    /// The list's bytes must stay where they are until the block is submitted.
    func append(_ list: borrowing HTTPFieldList) {
        list.bytes.span.withUnsafeBufferPointer { bytes in
            guard let start = bytes.baseAddress else { return }
            for field in list.fields {
                append(
                    start + field.name.lowerBound, field.name.count,
                    start + field.value.lowerBound, field.value.count, 0)
            }
        }
    }

    private func append(
        _ name: UnsafePointer<UInt8>, _ nameCount: Int, _ value: UnsafePointer<UInt8>,
        _ valueCount: Int, _ flags: UInt32
    ) {
        precondition(count < Self.pairsMax, "an answer's fields fit their block")
        storage[count] = nghttp2_nv(
            name: UnsafeMutablePointer(mutating: name),
            value: UnsafeMutablePointer(mutating: value), namelen: nameCount, valuelen: valueCount,
            flags: UInt8(truncatingIfNeeded: flags))
        count += 1
    }
}
