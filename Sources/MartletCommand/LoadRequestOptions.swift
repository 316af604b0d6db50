import ArgumentParser
import Load
import Primitives

/// What is sent.
struct LoadRequestOptions: ParsableArguments {
    @Option(help: "The model; else the URL's, or the server's default. [MARTLET_MODEL]")
    var model: String?

    @Option(help: "The model's version; else its default. [MARTLET_VERSION]")
    var version: String?

    @Option(help: "Instances in a request. [MARTLET_ROWS]")
    var rows = Environment.integer("MARTLET_ROWS", default: 1)

    @Option(help: "json, csv or npy. [MARTLET_FORMAT]")
    var format = Environment.text("MARTLET_FORMAT") ?? "json"

    @Option(help: "random bodies, or the model's sample. [MARTLET_PAYLOAD]")
    var payload = Environment.text("MARTLET_PAYLOAD") ?? "random"

    @Option(help: "Distinct random bodies. [MARTLET_BODIES]")
    var bodies = Environment.integer("MARTLET_BODIES", default: 64)

    @Option(help: "Send this file; .csv and .npy set the format. [MARTLET_BODY]")
    var body: String?

    @Option(help: "The method; GET and HEAD have no body. [MARTLET_METHOD]")
    var method = Environment.text("MARTLET_METHOD") ?? "POST"

    @Option(help: "Send X-Request-Timeout-Ms; 0 is none. [MARTLET_DEADLINE_MS]")
    var deadlineMs = Environment.integer("MARTLET_DEADLINE_MS", default: 0)

    @Option(help: "Send X-Request-Priority: high or low. [MARTLET_PRIORITY]")
    var priority: String?

    @Option(help: "Send a header, 'Name: value'; may be repeated. [MARTLET_HEADER]")
    var header: [String] = []

    @Option(help: "Send the bearer token in this file. [MARTLET_TOKEN_FILE]")
    var tokenFile: String?

    mutating func validate() throws {
        let limits = Limits.standard
        try LoadPaceOptions.check(rows, 1...limits.requestRowsMax, "--rows")
        try LoadPaceOptions.check(bodies, 1...limits.loadBodiesMax, "--bodies")
        try LoadPaceOptions.check(deadlineMs, 0...86_400_000, "--deadline-ms")
        guard BodyFormat(rawValue: format) != nil else {
            throw ValidationError("--format is '\(format)'; json, csv or npy")
        }
        guard BodyMaker.Source(rawValue: payload) != nil else {
            throw ValidationError("--payload is '\(payload)'; random or sample")
        }
        guard !method.isEmpty, method.utf8.allSatisfy({ (0x41...0x5A).contains($0) }) else {
            throw ValidationError("--method is '\(method)'; such as POST or GET")
        }
    }

    /// The requests of a run; what cannot be had ends the process with one line.
    func prepare(_ configuration: LoadConfiguration) -> [PreparedRequest] {
        let path = configuration.target.path
        guard method != "GET", method != "HEAD" else {
            return [
                PreparedRequest(
                    method: method, path: path.isEmpty ? "/" : path, fields: fields(), body: [])
            ]
        }
        do throws(MetadataError) {
            if let file = body ?? Environment.text("MARTLET_BODY") {
                return [try fromFile(file, configuration)]
            }
            return try fromMetadata(configuration)
        } catch {
            Exit.failure(error.description)
        }
    }

    private func fromFile(
        _ file: String, _ configuration: LoadConfiguration
    ) throws(MetadataError) -> PreparedRequest {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try FileSystem.contents(
                of: file, byteCountMax: configuration.limits.loadBodyBytesMax)
        } catch {
            Exit.failure(error.description)
        }
        let ending = file.split(separator: ".").last.map(String.init) ?? ""
        let kind = BodyFormat(rawValue: ending) ?? BodyFormat(rawValue: format) ?? .json
        return request(path(of: modelName(configuration), configuration), kind, bytes)
    }

    private func fromMetadata(
        _ configuration: LoadConfiguration
    ) throws(MetadataError) -> [PreparedRequest] {
        let client = MetadataClient(configuration, fields: fields())
        let metadata = try ModelMetadata(
            of: modelName(configuration), version: versionName, from: client)
        var maker = BodyMaker(metadata, rows: rows, seed: configuration.seed)
        let kind = BodyFormat(rawValue: format) ?? .json
        let made = try maker.make(bodies, kind, BodyMaker.Source(rawValue: payload) ?? .random)
        let path = path(of: metadata.name, configuration)
        return made.map { request(path, kind, $0) }
    }

    private func request(_ path: String, _ kind: BodyFormat, _ body: [UInt8]) -> PreparedRequest {
        var fields = fields()
        if !fields.contains(where: { $0.name.lowercased() == "content-type" }) {
            fields.append(PreparedRequest.Field("Content-Type", kind.contentType))
        }
        return PreparedRequest(method: method, path: path, fields: fields, body: body)
    }

    // MARK: Names

    private var versionName: String? { version ?? Environment.text("MARTLET_VERSION") }

    /// As given, or as the URL's path says it.
    private func modelName(_ configuration: LoadConfiguration) -> String? {
        if let name = model ?? Environment.text("MARTLET_MODEL") { return name }
        let path = configuration.target.path
        let parts = path.prefix { $0 != "?" }.split(separator: "/")
        if parts.count >= 2, parts[0] == "models" { return String(parts[1]) }
        for pair in path.drop(while: { $0 != "?" }).dropFirst().split(separator: "&")
        where pair.hasPrefix("model=") {
            return String(pair.dropFirst(6))
        }
        return nil
    }

    /// The URL's own path wins.
    private func path(of name: String?, _ configuration: LoadConfiguration) -> String {
        let path = configuration.target.path
        if !path.isEmpty, path != "/" { return path }
        guard let name else { return "/predict" }
        return versionName.map { "/models/\(name)/versions/\($0)/predict" }
            ?? "/models/\(name)/predict"
    }

    private func fields() -> [PreparedRequest.Field] {
        var lines = header
        if lines.isEmpty, let line = Environment.text("MARTLET_HEADER") { lines = [line] }
        var fields = lines.map { line in
            guard let field = PreparedRequest.Field(parsing: line) else {
                Exit.usage("--header '\(line)' is not 'Name: value', or is a header of ours")
            }
            return field
        }
        if deadlineMs > 0 {
            fields.append(PreparedRequest.Field("X-Request-Timeout-Ms", "\(deadlineMs)"))
        }
        if let priority = priority ?? Environment.text("MARTLET_PRIORITY") {
            guard let field = PreparedRequest.Field(parsing: "X-Request-Priority: \(priority)")
            else { Exit.usage("--priority is '\(priority)'; high or low") }
            fields.append(field)
        }
        if let file = tokenFile ?? Environment.text("MARTLET_TOKEN_FILE") {
            fields.append(Self.authorization(file))
        }
        return fields
    }

    private static func authorization(_ file: String) -> PreparedRequest.Field {
        do throws(SystemError) {
            let limit = Limits.standard.tokenBytesMax + 2
            let bytes = try FileSystem.contents(of: file, byteCountMax: limit)
            let text = String(decoding: bytes.filter { $0 > 0x20 && $0 < 0x7F }, as: UTF8.self)
            guard !text.isEmpty else { Exit.usage("--token-file \(file) is empty") }
            return PreparedRequest.Field("Authorization", "Bearer \(text)")
        } catch {
            Exit.failure(error.description)
        }
    }
}
