import Primitives

/// What the graphs inside of one eager run may use together, however they are nested: a loop in a loop
/// must not multiply their limits.
final class RunBudget {
    private var turnsLeft: Int
    private var bytesLeft: Int

    init(_ limits: Limits) {
        turnsLeft = limits.loopTurnsMax
        bytesLeft = limits.arenaBytesMax
    }

    /// Counts one run of a graph inside of a node.
    func spendTurn() throws(OperatorFailure) {
        guard turnsLeft > 0 else {
            throw OperatorFailure("with it the run takes more turns than graphs inside of it may")
        }
        turnsLeft -= 1
    }

    /// Counts what a loop collects turn by turn.
    func kept(_ tensor: Tensor) throws(OperatorFailure) -> Tensor {
        let byteCount = RuntimeValue.tensor(tensor).byteCount
        guard byteCount <= bytesLeft else {
            throw OperatorFailure("what it collects needs more memory than a run may")
        }
        bytesLeft -= byteCount
        return tensor
    }
}
