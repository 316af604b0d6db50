import ArgumentParser
import Serving

/// Starts the `martlet` command line, with models of your own compiled in if you like:
///
///     Launcher.main(models: [CompiledModel(Doubler.self, name: "doubler")])
public enum Launcher {
    public static func main(models: [CompiledModel] = []) {
        CompiledModels.set(models)
        MartletRoot.main()
    }
}
