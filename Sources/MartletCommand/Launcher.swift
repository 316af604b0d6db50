import ArgumentParser
import Serving
import Synchronization

/// Starts the `martlet` command line, with models of your own compiled in if you like:
///
///     Launcher.main(models: [CompiledModel(Doubler.self, name: "doubler")])
public enum Launcher {
    private static let shouldBootstrap = Atomic<Bool>(true)
    static var bootstraps: Bool { shouldBootstrap.load(ordering: .relaxed) }

    ///
    /// `Logger`s (swift-log) and metrics (swift-metrics) of your models end in the server's own log
    /// and on its metrics page. A program that bootstraps those systems itself says `bootstraps:
    /// false`.
    public static func main(models: [CompiledModel] = [], bootstraps: Bool = true) {
        CompiledModels.set(models)
        shouldBootstrap.store(bootstraps, ordering: .relaxed)
        MartletRoot.main()
    }
}
