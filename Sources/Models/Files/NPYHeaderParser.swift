import Primitives

/// Reads the preamble and the Python dictionary in front of a NumPy file.
struct NPYHeaderParser: ~Escapable {
    private let file: Span<UInt8>
    private var next = 0
    private var end = 0
    private(set) var descriptor: String?
    private(set) var isFortranOrder: Bool?
    private(set) var shape: [Int]?

    /// NumPy itself refuses longer headers unless told to trust the file.
    private static let headerBytesMax = 10_000
    /// NumPy's own bound is 64 since 2.0.
    private static let dimensionsMax = 64

    @_lifetime(copy file)
    init(_ file: Span<UInt8>) { self.file = file }

    /// Checks the magic and the version, and returns where the data starts.
    mutating func readPreamble() throws(NPYError) -> Int {
        guard file.count >= 10 else { throw NPYError("the file ends inside the header") }
        let magic: [6 of UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]
        for index in 0..<6 where file[index] != magic[index] {
            throw NPYError("the file does not start as a NumPy file does (\\x93NUMPY)")
        }
        let length: Int
        switch (file[6], file[7]) {
        case (1, 0):
            length = Int(file.littleEndian(at: 8, as: UInt16.self))
            next = 10
        case (2, 0), (3, 0):
            guard file.count >= 12 else { throw NPYError("the file ends inside the header") }
            length = Int(file.littleEndian(at: 8, as: UInt32.self))
            next = 12
        default:
            throw NPYError("format version \(file[6]).\(file[7]) is not supported (1.0 to 3.0 are)")
        }
        guard length <= Self.headerBytesMax else {
            throw NPYError("the header has \(length) bytes, more than \(Self.headerBytesMax)")
        }
        guard length <= file.count - next else { throw NPYError("the file ends inside the header") }
        end = next + length
        return end
    }

    /// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`: the keys in any order,
    /// each once.
    mutating func readDictionary() throws(NPYError) {
        try expect("{")
        while !take("}") {
            let key = try readString()
            try expect(":")
            switch key {
            case "descr" where descriptor == nil:
                guard peek() != UInt8(ascii: "[") else {
                    throw NPYError("arrays of records are not supported")
                }
                descriptor = try readString()
            case "fortran_order" where isFortranOrder == nil: isFortranOrder = try readBool()
            case "shape" where shape == nil: shape = try readShape()
            default: throw NPYError("the header's key '\(key.prefix(40))' is unknown or repeated")
            }
            if !take(",") {
                try expect("}")
                break
            }
        }
        guard peek() == nil else { throw malformed() }
    }

    private mutating func readString() throws(NPYError) -> String {
        guard let quote = peek(), quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else {
            throw malformed()
        }
        next += 1
        var text = ""
        while next < end, file[next] != quote {
            guard file[next] >= 0x20, file[next] < 0x7F, file[next] != UInt8(ascii: "\\") else {
                throw malformed()
            }
            text.unicodeScalars.append(Unicode.Scalar(file[next]))
            next += 1
        }
        guard next < end else { throw malformed() }
        next += 1
        return text
    }

    private mutating func readBool() throws(NPYError) -> Bool {
        if take("True") { return true }
        if take("False") { return false }
        throw malformed()
    }

    private mutating func readShape() throws(NPYError) -> [Int] {
        var dimensions: [Int] = []
        try expect("(")
        while !take(")") {
            dimensions.append(try readDimension())
            guard dimensions.count <= Self.dimensionsMax else {
                throw NPYError("the shape has more than \(Self.dimensionsMax) dimensions")
            }
            if !take(",") {
                try expect(")")
                // `(3)` is a number in Python; NumPy writes `(3,)`.
                guard dimensions.count > 1 else { throw malformed() }
                break
            }
        }
        return dimensions
    }

    private mutating func readDimension() throws(NPYError) -> Int {
        guard let first = peek(), first &- UInt8(ascii: "0") <= 9 else { throw malformed() }
        var value = 0
        while next < end, file[next] &- UInt8(ascii: "0") <= 9 {
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = scaled.addingReportingOverflow(Int(file[next] - UInt8(ascii: "0")))
            guard !overflow, !carry else { throw NPYError("a dimension is too large") }
            value = sum
            next += 1
        }
        // Python 2 wrote long integers so.
        if next < end, file[next] == UInt8(ascii: "L") { next += 1 }
        return value
    }

    private mutating func peek() -> UInt8? {
        while next < end, file[next] == 0x20 || (file[next] >= 0x09 && file[next] <= 0x0D) {
            next += 1
        }
        return next < end ? file[next] : nil
    }

    private mutating func take(_ text: StaticString) -> Bool {
        guard peek() != nil, end - next >= text.utf8CodeUnitCount else { return false }
        var index = next
        for byte in text.description.utf8 {
            guard file[index] == byte else { return false }
            index += 1
        }
        next = index
        return true
    }

    private mutating func expect(_ text: StaticString) throws(NPYError) {
        guard take(text) else { throw malformed() }
    }

    private func malformed() -> NPYError {
        NPYError("the header is malformed at byte \(next)")
    }
}
