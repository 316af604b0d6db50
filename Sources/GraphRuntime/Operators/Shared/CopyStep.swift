import Primitives

/// Copies a value as it is: for graph outputs that are constants, inputs or given out twice.
final class CopyStep: Step {
    private let source: Operand
    private let target: Operand

    init(_ source: Operand, _ target: Operand) {
        self.source = source
        self.target = target
    }

    func run(_ workspace: Workspace) {
        if source.dataType == .string {
            for index in 0..<source.count {
                workspace.setString(target, index, workspace.string(source, index))
            }
        } else {
            workspace.copy(source, to: target)
        }
    }
}
