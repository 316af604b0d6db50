import Primitives

/// How the body of a request is written.
public enum BodyFormat: String, Sendable, CaseIterable {
    case json, csv, npy

    public var contentType: String {
        switch self {
        case .json: "application/json"
        case .csv: "text/csv"
        case .npy: "application/x-npy"
        }
    }
}

/// Makes request bodies that fit a model: random from a seed, or the model's own sample.
public struct BodyMaker {
    public enum Source: String, Sendable, CaseIterable {
        case random, sample
    }

    private let model: ModelMetadata
    private let rows: Int
    private let limits: Limits
    private var random: SplitMix

    /// What a size that a request chooses is taken as, as `martlet inspect` does.
    private static let freeSize = 8

    public init(_ model: ModelMetadata, rows: Int, seed: UInt64, limits: Limits = .standard) {
        self.model = model
        self.rows = rows
        self.limits = limits
        random = SplitMix(seed: seed)
    }

    /// So many bodies, fewer when they would not fit `Limits.loadBodiesBytesMax`. A sample is one.
    public mutating func make(
        _ count: Int, _ format: BodyFormat, _ source: Source
    ) throws(MetadataError) -> [[UInt8]] {
        switch source {
        case .sample: return [try sample(format)]
        case .random: break
        }
        var bodies: [[UInt8]] = []
        var bytes = 0
        while bodies.count < min(count, limits.loadBodiesMax) {
            let body = try randomBody(format)
            bytes += body.count
            if bytes > limits.loadBodiesBytesMax, !bodies.isEmpty { break }
            bodies.append(body)
        }
        return bodies
    }

    // MARK: JSON

    private func sample(_ format: BodyFormat) throws(MetadataError) -> [UInt8] {
        guard !model.sample.isEmpty else {
            throw MetadataError("model '\(model.name)' has no sample in its model.json")
        }
        guard format == .json else {
            throw MetadataError(
                "a sample is sent as JSON; leave --format away or send random bodies")
        }
        let instances = (0..<rows).map { model.sample[$0 % model.sample.count] }
        return Self.bytes(.object([JSONMember("instances", .array(instances))]))
    }

    private static func bytes(_ value: JSONValue) -> [UInt8] {
        var buffer = ByteBuffer()
        buffer.append(json: value)
        return buffer.bytes
    }

    private mutating func randomBody(_ format: BodyFormat) throws(MetadataError) -> [UInt8] {
        switch format {
        case .json:
            var instances: [JSONValue] = []
            for _ in 0..<rows { instances.append(try instance()) }
            return Self.bytes(.object([JSONMember("instances", .array(instances))]))
        case .csv: return try csv()
        case .npy: return try npy()
        }
    }

    /// One row: the value of the only input, or an object of all.
    private mutating func instance() throws(MetadataError) -> JSONValue {
        for input in model.inputs { _ = try Self.elements(input) }
        guard model.inputs.count != 1 else { return tensor(model.inputs[0]) }
        var members: [JSONMember] = []
        for input in model.inputs { members.append(JSONMember(input.name, tensor(input))) }
        return .object(members)
    }

    private mutating func tensor(_ input: ModelMetadata.Input) -> JSONValue {
        nested(input.dataType, Self.shape(input)[...])
    }

    private static func shape(_ input: ModelMetadata.Input) -> [Int] {
        input.rowShape.map { $0 < 0 ? freeSize : $0 }
    }

    private mutating func nested(_ type: DataType, _ shape: ArraySlice<Int>) -> JSONValue {
        guard let count = shape.first else { return scalar(type) }
        var elements: [JSONValue] = []
        for _ in 0..<count { elements.append(nested(type, shape.dropFirst())) }
        return .array(elements)
    }

    /// Small numbers, which every type holds and a model finds plausible.
    private mutating func scalar(_ type: DataType) -> JSONValue {
        switch type {
        case .float32, .float64, .float16, .bfloat16:
            .number((random.unit * 1e4).rounded() / 1e4)
        case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64:
            .integer(Int64(random.bit))
        case .bool: .boolean(random.bit == 1)
        case .string: .string(random.bit == 1 ? "a" : "b")
        }
    }

    // MARK: CSV and NumPy

    private func onlyInput(_ format: String) throws(MetadataError) -> ModelMetadata.Input {
        guard model.inputs.count == 1, let input = model.inputs.first else {
            throw MetadataError(
                "\(format) has room for one input; model '\(model.name)' takes "
                    + "\(model.inputs.count): send JSON")
        }
        return input
    }

    private static func elements(_ input: ModelMetadata.Input) throws(MetadataError) -> Int {
        var count = 1
        for size in shape(input) {
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            guard !overflow, product <= Limits.standard.tensorElementsMax else {
                throw MetadataError("a row of input '\(input.name)' is too large to make one")
            }
            count = product
        }
        return count
    }

    private mutating func csv() throws(MetadataError) -> [UInt8] {
        let input = try onlyInput("CSV")
        let count = try Self.elements(input)
        var buffer = ByteBuffer()
        for _ in 0..<rows {
            for column in 0..<count {
                if column > 0 { buffer.append(UInt8(ascii: ",")) }
                switch scalar(input.dataType) {
                case .string(let text): buffer.append(text)
                case .boolean(let value): buffer.append(value ? "true" : "false")
                case let number: buffer.append(json: number)
                }
            }
            buffer.append(UInt8(ascii: "\n"))
        }
        return buffer.bytes
    }

    /// Version 1.0 of the format, in C order and little-endian.
    private mutating func npy() throws(MetadataError) -> [UInt8] {
        let input = try onlyInput("NumPy")
        let count = try Self.elements(input)
        let type = try Self.descriptor(input)
        let shape = ([rows] + Self.shape(input)).map { "\($0)" }.joined(separator: ", ")
        var header = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(shape),), }"
        header += String(repeating: " ", count: 63 - (10 + header.utf8.count) % 64) + "\n"
        guard header.utf8.count <= 0xFFFF else {
            throw MetadataError("the shape of input '\(input.name)' is too long for NumPy's header")
        }
        var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0]
        bytes += [UInt8(header.utf8.count & 255), UInt8(header.utf8.count >> 8)]
        bytes += Array(header.utf8)
        for _ in 0..<rows * count { append(scalar(input.dataType), input.dataType, to: &bytes) }
        return bytes
    }

    private static func descriptor(
        _ input: ModelMetadata.Input
    ) throws(MetadataError) -> String {
        switch input.dataType {
        case .float32: "<f4"
        case .float64: "<f8"
        case .float16: "<f2"
        case .int8: "|i1"
        case .int16: "<i2"
        case .int32: "<i4"
        case .int64: "<i8"
        case .uint8: "|u1"
        case .uint16: "<u2"
        case .uint32: "<u4"
        case .uint64: "<u8"
        case .bool: "|b1"
        case .bfloat16, .string:
            throw MetadataError(
                "NumPy has no \(input.dataType.name) for input '\(input.name)': send JSON")
        }
    }

    private func append(_ value: JSONValue, _ type: DataType, to bytes: inout [UInt8]) {
        let bits: UInt64
        switch type {
        case .float32: bits = UInt64(Float(value.number ?? 0).bitPattern)
        case .float64: bits = (value.number ?? 0).bitPattern
        // ½ and ¼: the platform's Float16 is not there on every x86.
        case .float16, .bfloat16: bits = (value.number ?? 0) < 0.5 ? 0x3400 : 0x3800
        case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64:
            bits = UInt64(value.integer ?? 0)
        case .bool, .string: bits = value.boolean == true ? 1 : 0
        }
        for byte in 0..<type.byteCount {
            bytes.append(UInt8(truncatingIfNeeded: bits >> UInt64(8 * byte)))
        }
    }
}
