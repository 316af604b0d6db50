import Primitives

/// What a server says a model takes.
public struct ModelMetadata: Sendable, Equatable {
    public struct Input: Sendable, Equatable {
        public let name: String
        public let dataType: DataType
        /// Without the batch; -1 for a size that each request chooses.
        public let rowShape: [Int]

        public init(name: String, dataType: DataType, rowShape: [Int]) {
            self.name = name
            self.dataType = dataType
            self.rowShape = rowShape
        }
    }

    public let name: String
    public let inputs: [Input]
    /// Instances, as in a request.
    public let sample: [JSONValue]

    public init(name: String, inputs: [Input], sample: [JSONValue] = []) {
        self.name = name
        self.inputs = inputs
        self.sample = sample
    }

    /// Asks a server. Without a name the model is the server's default, or its only one.
    public init(
        of name: String?, version: String?, from client: MetadataClient
    ) throws(MetadataError) {
        let name = if let name { name } else { try Self.defaultName(client) }
        let path = version.map { "/models/\(name)/versions/\($0)" } ?? "/models/\(name)"
        let value = try client.get(path)
        guard let inputs = value["signature"]?["inputs"]?.elements else {
            throw MetadataError("model '\(name)' has no version that is ready")
        }
        // As the server decides what a row is: every shape begins with the same number.
        let outputs = value["signature"]?["outputs"]?.elements ?? []
        let firsts = (inputs + outputs).map { $0["shape"]?.elements?.first?.integer }
        let hasBatch = firsts.allSatisfy { $0 != nil && $0 == firsts[0] }
        var list: [Input] = []
        for input in inputs { list.append(try Self.input(input, hasBatch: hasBatch)) }
        self.init(name: name, inputs: list, sample: value["sample"]?.elements ?? [])
    }

    private static func defaultName(_ client: MetadataClient) throws(MetadataError) -> String {
        let value = try client.get("/models")
        if let name = value["default"]?.text { return name }
        let names = (value["models"]?.elements ?? []).compactMap { $0["name"]?.text }
        guard names.count == 1 else {
            throw MetadataError(
                names.isEmpty
                    ? "the server has no models"
                    : "the server has several models; name one with --model: "
                        + names.joined(separator: ", "))
        }
        return names[0]
    }

    private static func input(
        _ value: JSONValue, hasBatch: Bool
    ) throws(MetadataError) -> Input {
        let type = DataType.allCases.first { $0.name == value["dtype"]?.text }
        let shape = (value["shape"]?.elements ?? []).compactMap { $0.integer.map { Int($0) } }
        guard let name = value["name"]?.text, let type else {
            throw MetadataError("the server describes an input that is not understood")
        }
        return Input(name: name, dataType: type, rowShape: Array(shape.dropFirst(hasBatch ? 1 : 0)))
    }
}
