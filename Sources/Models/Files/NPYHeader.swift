import Primitives

/// The header of a NumPy file (`.npy`, format versions 1.0, 2.0 and 3.0): what the bytes behind it
/// mean. Parsing trusts no length: a header that parses says truly that its data is all there.
///
/// Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
public struct NPYHeader: Sendable, Equatable {
    public let element: NPYElement
    public let shape: [Int]
    /// The first index runs fastest, instead of the last.
    public let isFortranOrder: Bool
    /// Where the first value is.
    public let dataOffset: Int

    /// The product of `shape`.
    public let elementCount: Int

    /// Describes an array to be written: C order, little-endian.
    public init(element: NPYElement, shape: [Int]) {
        self.element = element
        self.shape = shape
        isFortranOrder = false
        elementCount = shape.reduce(1, *)
        dataOffset = 0
    }

    /// Parses the front of a whole file, and checks that the rest is as long as the shape says.
    public init(_ file: Span<UInt8>) throws(NPYError) {
        var fields = NPYHeaderParser(file)
        dataOffset = try fields.readPreamble()
        try fields.readDictionary()
        guard let descriptor = fields.descriptor else { throw NPYError("the header has no 'descr'") }
        guard let shape = fields.shape else { throw NPYError("the header has no 'shape'") }
        guard let order = fields.isFortranOrder else {
            throw NPYError("the header has no 'fortran_order'")
        }
        element = try NPYElement(descriptor: descriptor)
        self.shape = shape
        isFortranOrder = order

        var count = 1
        for dimension in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: dimension)
            guard !overflow else { throw NPYError("the shape \(shape) is too large") }
            count = product
        }
        elementCount = count
        let (byteCount, overflow) = count.multipliedReportingOverflow(by: element.byteCount)
        guard !overflow else { throw NPYError("the shape \(shape) is too large") }
        guard file.count - dataOffset == byteCount else {
            throw NPYError(
                "the shape \(shape) of '\(descriptor)' needs \(byteCount) bytes of data, "
                    + "the file holds \(file.count - dataOffset)")
        }
    }

    /// Appends a version 1.0 header for this element and shape in C order; the values must follow.
    /// As NumPy does, it pads so that they start at a multiple of 64 bytes.
    public func append(to buffer: inout ByteBuffer) {
        var text = "{'descr': '\(element.descriptor)', 'fortran_order': False, 'shape': ("
        for dimension in shape { text += "\(dimension), " }
        if shape.count > 1 { text.removeLast(2) }
        if shape.count == 1 { text.removeLast() }
        text += "), }"
        let unpadded = 10 + text.utf8.count + 1
        let padding = (64 - unpadded % 64) % 64
        let length = text.utf8.count + padding + 1
        precondition(length <= UInt16.max, "a shape that fits in memory has few dimensions")
        buffer.append([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0])
        buffer.append(UInt8(truncatingIfNeeded: length))
        buffer.append(UInt8(truncatingIfNeeded: length >> 8))
        buffer.append(text)
        for _ in 0..<padding { buffer.append(UInt8(ascii: " ")) }
        buffer.append(UInt8(ascii: "\n"))
    }
}

/// The elements of a NumPy array.
public struct NPYElement: Sendable, Equatable {
    public let dataType: DataType
    public let isBigEndian: Bool
    /// Characters of a string: `U` stores four bytes each (UTF-32), `S` one.
    public let characterCount: Int
    /// Strings of single bytes (`S`) instead of UTF-32 (`U`).
    public let isByteString: Bool

    public init(_ dataType: DataType) {
        precondition(dataType != .string, "strings have a length")
        self.dataType = dataType
        isBigEndian = false
        characterCount = 0
        isByteString = false
    }

    /// UTF-32 strings of up to this many characters.
    public init(characters: Int) {
        dataType = .string
        isBigEndian = false
        // NumPy has no strings of zero characters in files.
        characterCount = max(characters, 1)
        isByteString = false
    }

    public var byteCount: Int {
        guard dataType == .string else { return dataType.byteCount }
        return isByteString ? characterCount : characterCount * 4
    }

    /// NumPy's name: `<f4`, `|b1`, `<U12`. It has none for bfloat16, which `ml_dtypes` keeps as `|V2`.
    public var descriptor: String {
        switch dataType {
        case .float32: "<f4"
        case .float64: "<f8"
        case .float16: "<f2"
        case .bfloat16: "|V2"
        case .int8: "|i1"
        case .int16: "<i2"
        case .int32: "<i4"
        case .int64: "<i8"
        case .uint8: "|u1"
        case .uint16: "<u2"
        case .uint32: "<u4"
        case .uint64: "<u8"
        case .bool: "|b1"
        case .string: isByteString ? "|S\(characterCount)" : "<U\(characterCount)"
        }
    }

    init(descriptor: String) throws(NPYError) {
        var text = Substring(descriptor)
        var order: Character = "|"
        if let first = text.first, "<>|=".contains(first) {
            order = first
            text.removeFirst()
        }
        isBigEndian = order == ">"
        guard let kind = text.popFirst(), text.allSatisfy({ $0.isASCII && $0.isNumber }),
            let size = Int(text)
        else { throw Self.unsupported(descriptor) }
        switch (kind, size) {
        case ("f", 2): dataType = .float16
        case ("f", 4): dataType = .float32
        case ("f", 8): dataType = .float64
        case ("i", 1): dataType = .int8
        case ("i", 2): dataType = .int16
        case ("i", 4): dataType = .int32
        case ("i", 8): dataType = .int64
        case ("u", 1): dataType = .uint8
        case ("u", 2): dataType = .uint16
        case ("u", 4): dataType = .uint32
        case ("u", 8): dataType = .uint64
        case ("b", 1): dataType = .bool
        case ("V", 2): dataType = .bfloat16
        case ("U", 0...Self.charactersMax), ("S", 0...Self.charactersMax): dataType = .string
        default: throw Self.unsupported(descriptor)
        }
        characterCount = dataType == .string ? size : 0
        isByteString = kind == "S"
    }

    /// So that no length in bytes overflows.
    private static var charactersMax: Int { 1 << 28 }

    private static func unsupported(_ descriptor: String) -> NPYError {
        NPYError(
            "arrays of '\(descriptor.prefix(40))' are not supported; "
                + "use float, int, uint, bool, U or S elements")
    }
}

/// Why a NumPy file was refused.
public struct NPYError: Error, Sendable, Equatable, CustomStringConvertible {
    public let message: String
    public var description: String { message }

    public init(_ message: String) { self.message = message }
}
