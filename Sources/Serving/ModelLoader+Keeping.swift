import Primitives
import Telemetry

/// What operators said, over a restart.
extension ModelLoader {
    /// Whether it is kept: with `--model-control none` nobody says anything, and what is in the folder
    /// decides alone.
    private var keepsStates: Bool { control != .none }

    /// Takes in what was said of a model that has just been found.
    func restoreState(_ index: Int) {
        defer { models[index].keptState = models[index].operatorState }
        guard keepsStates, let source else { return }
        let name = models[index].name
        do throws(SystemError) {
            guard let bytes = try source.state(of: name) else { return }
            do throws(OperatorStateError) {
                models[index].restore(try OperatorState(parsing: bytes.span, limits: limits))
                log.info("model '\(name)': labels, loads and rollbacks are as they were left")
            } catch {
                log.error(
                    "model '\(name)': what operators said of it is not used, "
                        + "\(error.description)")
            }
        } catch {
            log.error(
                "model '\(name)': what operators said of it is not known: \(error.description)")
        }
    }

    /// Keeps what has changed. When it cannot be kept it holds until the end of the process, and the log
    /// says so.
    func keepStates() {
        guard keepsStates, let source else { return }
        for index in models.indices where models[index].compiled == nil {
            let state = models[index].operatorState
            guard state != models[index].keptState else { continue }
            let wasEmpty = models[index].keptState.isEmpty
            models[index].keptState = state
            // Another model.json alone is nothing to write down.
            if wasEmpty, state.isEmpty { continue }
            do throws(SystemError) {
                try source.keep(state.isEmpty ? nil : state.json, of: models[index].name)
            } catch {
                log.error(
                    "model '\(models[index].name)': what was said of it holds until the server "
                        + "ends: \(error.description)")
            }
        }
    }
}
