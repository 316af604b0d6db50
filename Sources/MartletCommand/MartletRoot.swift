import ArgumentParser
import Serving
import Synchronization

/// The root of the command line.
struct MartletRoot: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martlet",
        abstract:
            "Serves trained models over HTTP: ONNX files or Swift types, in one small binary.",
        discussion: """
            Put models into models/<name>/<version>/model.onnx, then:

              martlet serve models
              curl localhost:8080/models/iris/predict \\
                --json '{"instances": [[5.1, 3.5, 1.4, 0.2]]}'

            Every flag is also an environment variable: --port is MARTLET_PORT,
            --drain-delay is MARTLET_DRAIN_DELAY. A flag wins over its variable.
            """,
        version: MartletVersion.text,
        subcommands: [
            ServeCommand.self, ModelsCommand.self, InferCommand.self, InspectCommand.self,
            BenchCommand.self, LoadCommand.self, HealthCommand.self,
        ])
}

/// The version of the program.
enum MartletVersion {
    static let text = "0.1.0"
}

/// Models that the program was built with, set once before the command runs.
enum CompiledModels {
    private static let models = Mutex<[CompiledModel]>([])

    static var all: [CompiledModel] { models.withLock { $0 } }

    static func set(_ list: [CompiledModel]) { models.withLock { $0 = list } }
}
