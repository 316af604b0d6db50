import ArgumentParser
import GraphRuntime

/// Which rewritings an ONNX graph goes through, for every command that loads one.
struct PassOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Rewritings of ONNX graphs: all, none, a list of names, or a list of -NAME for all but \
            those. Answers stay the same within rounding. [MARTLET_PASSES]
            """,
            discussion: "Names: " + Pass.allCases.map(\.rawValue).joined(separator: ", ") + "."))
    var passes: String?

    /// The chosen ones. Ends the process with a clear line when a name is not known.
    var set: Set<Pass> {
        let text = passes ?? Environment.text("MARTLET_PASSES") ?? "all"
        guard let set = Pass.set(text) else {
            let names = Pass.allCases.map(\.rawValue).joined(separator: ", ")
            Exit.usage(
                "--passes is '\(text)'; it takes all, none, or names with or without '-': \(names)")
        }
        return set
    }
}
