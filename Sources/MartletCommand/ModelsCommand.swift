import ArgumentParser
import Primitives
import Serving

/// `martlet models`: what a running server serves, and changing it.
struct ModelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models",
        abstract: "List and change the models of a running server; check model.json files.",
        discussion: """
            The server must have been started with --model-control explicit or watch for anything but \
            list and check.
            """,
        subcommands: [
            List.self, Load.self, Unload.self, Rollback.self, Label.self, Upload.self, Remove.self,
            Check.self,
        ])

    /// Which server, and as whom.
    struct ServerOptions: ParsableArguments {
        @Option(help: "http://HOST:PORT, https://HOST:PORT or unix:PATH. [MARTLET_SERVER]")
        var server = Environment.text("MARTLET_SERVER") ?? "http://127.0.0.1:8080"

        @Option(help: "A file with a bearer token that has the scope admin. [MARTLET_TOKEN_FILE]")
        var tokenFile: String?

        @OptionGroup var tls: TLSClientOptions

        func client() -> ManagementClient {
            let client = ManagementClient(
                server: server, token: token(), tls: { tls.context() })
            guard let client else {
                Exit.usage(
                    "--server is '\(server)'; expected http://HOST:PORT, https://HOST:PORT or "
                        + "unix:PATH")
            }
            return client
        }

        private func token() -> String? {
            guard let path = tokenFile ?? Environment.text("MARTLET_TOKEN_FILE") else { return nil }
            do throws(SystemError) {
                let bytes = try FileSystem.contents(
                    of: path, byteCountMax: Limits.standard.tokenBytesMax + 2)
                let text = String(decoding: bytes, as: UTF8.self)
                return text.split(whereSeparator: \.isWhitespace).first.map(String.init)
            } catch {
                Exit.failure("cannot \(error.description)")
            }
        }

        /// Asks and shows what came of it; a refusal ends the process with its message.
        func change(_ method: String, _ target: String, body: String = "") {
            show { client throws(ManagementClient.Failure) in
                try client.ask(method, target, body: body)
            }
        }

        func show(
            _ ask: (ManagementClient) throws(ManagementClient.Failure) -> ManagementClient.Answer
        ) {
            ModelsTable.output(model: answer(ask))
        }

        func answer(
            _ ask: (ManagementClient) throws(ManagementClient.Failure) -> ManagementClient.Answer
        ) -> JSONValue {
            let answer: ManagementClient.Answer
            do throws(ManagementClient.Failure) {
                answer = try ask(client())
            } catch {
                Exit.failure("\(server): \(error.message)")
            }
            guard (200...299).contains(answer.status), let json = answer.json else {
                let message = answer.json?["error"]?["message"]?.text
                Exit.failure(message ?? "\(server) answered with status \(answer.status)")
            }
            return json
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The models, their versions and states.")
        @OptionGroup var server: ServerOptions
        @Flag(help: "Only what is ready.") var ready = false

        func run() {
            let json = server.answer { client throws(ManagementClient.Failure) in
                try client.ask("GET", ready ? "/models?ready=true" : "/models")
            }
            for model in json["models"]?.elements ?? [] { ModelsTable.output(model: model) }
        }
    }

    struct Load: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Load a version, or what the model's policy wants; waits until it is ready.")
        @Argument(help: "The model's name.") var model: String
        @Option(help: "The version's number.") var version: String?
        @OptionGroup var server: ServerOptions

        func run() {
            server.change(
                "POST", ModelsCommand.target(model, "load") + ModelsCommand.query(version))
        }
    }

    struct Unload: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Unload a version, or the whole model, until it is loaded again.")
        @Argument(help: "The model's name.") var model: String
        @Option(help: "The version's number.") var version: String?
        @OptionGroup var server: ServerOptions

        func run() {
            server.change(
                "POST", ModelsCommand.target(model, "unload") + ModelsCommand.query(version))
        }
    }

    struct Rollback: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make the default version before the present one the default again.")
        @Argument(help: "The model's name.") var model: String
        @OptionGroup var server: ServerOptions

        func run() { server.change("POST", ModelsCommand.target(model, "rollback")) }
    }

    struct Label: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a label stand at a loaded version, or remove it.")
        @Argument(help: "The model's name.") var model: String
        @Argument(help: "The label, such as stable.") var label: String
        @Argument(help: "The version's number.") var version: String?
        @Flag(help: "Remove the label.") var remove = false
        @OptionGroup var server: ServerOptions

        func validate() throws {
            guard (version == nil) == remove else {
                throw ValidationError("name a version, or give --remove")
            }
        }

        func run() {
            let target = ModelsCommand.target(model, "labels", label)
            guard let version else { return server.change("DELETE", target) }
            var body = ByteBuffer()
            body.append(json: .object([JSONMember("version", .string(version))]))
            server.change("PUT", target, body: body.text)
        }
    }

    struct Upload: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put a model file into the server's models folder as a new version.")
        @Argument(help: "The model's name.") var model: String
        @Argument(help: "The version's number.") var version: String
        @Argument(help: "The model's file.") var file: String
        @Flag(help: "Load it, too, and wait until it is ready.") var load = false
        @OptionGroup var server: ServerOptions

        func run() {
            let query = load ? "?load=true" : ""
            server.show { client throws(ManagementClient.Failure) in
                try client.upload(
                    file, to: ModelsCommand.target(model, "versions", version) + query)
            }
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Unload a version and remove its files from the server's models folder.")
        @Argument(help: "The model's name.") var model: String
        @Argument(help: "The version's number.") var version: String
        @OptionGroup var server: ServerOptions

        func run() { server.change("DELETE", ModelsCommand.target(model, "versions", version)) }
    }

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say whether model.json files can be used, and what is wrong with those that "
                + "cannot.")
        @Argument(help: "model.json files.") var files: [String]

        func run() {
            var isGood = true
            for file in files {
                do throws(ConfigurationError) {
                    _ = try ModelConfiguration(path: file, limits: .standard)
                    StandardStreams.output("\(file.onOneLine): good\n")
                } catch {
                    isGood = false
                    StandardStreams.output("\(error.description.onOneLine)\n")
                }
            }
            if !isGood { Exit.failure("not all files can be used") }
        }
    }

    /// The path of something of a model.
    private static func target(_ model: String, _ parts: String...) -> String {
        for name in [model] + parts where !ModelsFolder.isName(name) {
            Exit.usage("'\(name)' is no name: letters, digits, '.', '_' and '-'")
        }
        return "/models/\(model)/\(parts.joined(separator: "/"))"
    }

    private static func query(_ version: String?) -> String {
        guard let version else { return "" }
        guard VersionName.isVersion(version) else {
            Exit.usage("'\(version)' is no version: a number, such as 3")
        }
        return "?version=\(version)"
    }
}

/// Models as lines of text.
private enum ModelsTable {
    /// `iris  2  ready  default, stable`, a line a version.
    static func output(model: JSONValue) {
        let name = model["name"]?.text ?? "?"
        let labels = model["version_labels"]?.members ?? []
        for version in model["versions"]?.elements ?? [] {
            let number = version["version"]?.text ?? "?"
            var notes: [String] = []
            if model["default_version"]?.text == number { notes.append("default") }
            notes += labels.filter { $0.value.text == number }.map(\.key)
            for role in ["canary", "shadow"] where model[role]?["version"]?.text == number {
                notes.append("\(role) \(model[role]?["share"]?.number ?? 0)")
            }
            if let reason = version["reason"]?.text { notes.append(reason) }
            if let failure = version["last_failure"]?.text {
                notes.append("not replaced: \(failure)")
            }
            let state = version["state"]?.text ?? "?"
            let line = "\(name)  \(number)  \(state)  \(notes.joined(separator: ", "))"
            StandardStreams.output(line.onOneLine + "\n")
        }
    }
}
