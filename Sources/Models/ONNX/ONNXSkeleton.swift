/// An ONNX file without the large values of its initializers, which stay where they are in the file's
/// bytes: parsing the rest makes no second copy of the weights.
///
/// In the place of such values an initializer has a word in its `doc_string` that says which block of
/// the file they are (`blockPrefix` and the block's index). A file may hold such words itself; they can
/// name nothing but bytes of the same file.
struct ONNXSkeleton {
    /// Values below this are left where they stand.
    private static let blockBytesMin = 4_096
    static let blockPrefix = "\u{0}block "

    /// The file as protobuf, without the blocks.
    private(set) var rest: [UInt8] = []
    /// Where each block lies in the file.
    private(set) var blocks: [Range<Int>] = []

    /// nil when the bytes are no fields of messages, or lie in a way that blocks cannot be taken out of:
    /// the whole file is parsed then, and says what is wrong.
    init?(_ file: [UInt8]) {
        let source = file.span
        // ModelProto.graph is field 7, GraphProto.initializer 5, TensorProto.raw_data 9, doc_string 12.
        guard let model = copy(source, 0..<file.count, inside: [7, 5]) else { return nil }
        rest = model
    }

    /// The fields of a message, with those of the messages on the path copied in turn; at its end a
    /// tensor loses its block.
    private mutating func copy(
        _ file: Span<UInt8>, _ range: Range<Int>, inside path: [Int]
    ) -> [UInt8]? {
        guard let wanted = path.first else { return copyTensor(file, range) }
        var made: [UInt8] = []
        var reader = FieldReader(file, range)
        while let field = reader.next() {
            if field.number == wanted, let value = field.value {
                guard let inner = copy(file, value, inside: Array(path.dropFirst())) else {
                    return nil
                }
                Self.append(number: wanted, inner, to: &made)
            } else {
                Self.append(file, field.all, to: &made)
            }
        }
        return reader.isBroken ? nil : made
    }

    private mutating func copyTensor(_ file: Span<UInt8>, _ range: Range<Int>) -> [UInt8]? {
        var made: [UInt8] = []
        var values: Range<Int>?
        var hasSmallValues = false
        var reader = FieldReader(file, range)
        while let field = reader.next() {
            switch (field.number, field.value) {
            case (9, let value?) where value.count >= Self.blockBytesMin:
                // The last of several counts; that is for the parser to settle.
                guard values == nil, !hasSmallValues else { return nil }
                values = value
            case (9, _):
                guard values == nil else { return nil }
                hasSmallValues = true
                Self.append(file, field.all, to: &made)
            case (12, _): break
            case (_, _): Self.append(file, field.all, to: &made)
            }
        }
        guard !reader.isBroken else { return nil }
        if let values {
            Self.append(
                number: 12, Array("\(Self.blockPrefix)\(blocks.count)".utf8), to: &made)
            blocks.append(values)
        }
        return made
    }

    private static func append(_ file: Span<UInt8>, _ range: Range<Int>, to made: inout [UInt8]) {
        for index in range { made.append(file[index]) }
    }

    /// A field with a length.
    private static func append(number: Int, _ value: [UInt8], to made: inout [UInt8]) {
        append(varint: number << 3 | 2, to: &made)
        append(varint: value.count, to: &made)
        made += value
    }

    private static func append(varint value: Int, to made: inout [UInt8]) {
        var rest = value
        while rest >= 128 {
            made.append(UInt8(rest & 127 | 128))
            rest >>= 7
        }
        made.append(UInt8(rest))
    }
}

/// The fields of a protobuf message, one after the other.
private struct FieldReader: ~Escapable {
    struct Field {
        let number: Int
        /// All of it, with its tag.
        let all: Range<Int>
        /// The value of a field that has a length.
        let value: Range<Int>?
    }

    private let file: Span<UInt8>
    private let end: Int
    private var place: Int
    /// Whether it stopped at something that is no field.
    private(set) var isBroken = false

    @_lifetime(copy file)
    init(_ file: Span<UInt8>, _ range: Range<Int>) {
        self.file = file
        place = range.lowerBound
        end = range.upperBound
    }

    /// nil at the end, and where no field is.
    mutating func next() -> Field? {
        guard place < end, !isBroken else { return nil }
        let start = place
        guard let tag = varint(), tag >> 3 > 0, tag >> 3 < 1 << 29 else { return broken() }
        let number = Int(tag >> 3)
        switch tag & 7 {
        case 0:
            guard varint() != nil else { return broken() }
            return Field(number: number, all: start..<place, value: nil)
        case 1, 5:
            let width = tag & 7 == 1 ? 8 : 4
            guard end - place >= width else { return broken() }
            place += width
            return Field(number: number, all: start..<place, value: nil)
        case 2:
            guard let length = varint(), length <= UInt64(end - place) else { return broken() }
            let value = place..<place + Int(length)
            place = value.upperBound
            return Field(number: number, all: start..<place, value: value)
        default: return broken()
        }
    }

    private mutating func broken() -> Field? {
        isBroken = true
        return nil
    }

    private mutating func varint() -> UInt64? {
        var (value, shift): (UInt64, UInt64) = (0, 0)
        while place < end, shift < 64 {
            let byte = file[place]
            place += 1
            value |= UInt64(byte & 127) << shift
            if byte < 128 { return value }
            shift += 7
        }
        return nil
    }
}
