import Primitives

/// A compiled graph made ready for inputs of one set of shapes: a flat list of steps, and a place
/// for every value. Immutable, shared by all threads; each runs it in its own `Workspace`.
public final class Plan: Sendable {
    public let inputs: [ValueInfo]
    public let outputs: [ValueInfo]
    /// Bytes of the one block all intermediate values share.
    public let arenaByteCount: Int
    /// Floating-point operations of one run.
    public let operationCount: Int

    let steps: [any Step]
    /// Where each step came from, for errors.
    let places: [String]
    /// The operator of each step, for profiles.
    public let stepOperators: [OperatorName]
    let bufferCount: Int
    /// Buffers that hold strings made on the way, with the number of their elements.
    let stringSlots: [(slot: Int, count: Int)]

    init(
        inputs: [ValueInfo], outputs: [ValueInfo], arenaByteCount: Int, operationCount: Int,
        steps: [any Step], places: [String], stepOperators: [OperatorName], bufferCount: Int,
        stringSlots: [(slot: Int, count: Int)]
    ) {
        self.inputs = inputs
        self.outputs = outputs
        self.arenaByteCount = arenaByteCount
        self.operationCount = operationCount
        self.steps = steps
        self.places = places
        self.stepOperators = stepOperators
        self.bufferCount = bufferCount
        self.stringSlots = stringSlots
    }

    /// Whether there is enough to do for several threads.
    private var isShared: Bool {
        operationCount >= 2 * Parting.operationsMin || arenaByteCount >= 2 * Parting.bytesMin
    }

    /// Lends the workspace the process's team for a run, if there is one and nobody has it.
    private func takeTeam(_ workspace: Workspace) -> Bool {
        guard isShared, let team = ThreadTeam.shared, team.take() else { return false }
        workspace.team = team
        return true
    }

    private func giveTeamBack(_ workspace: Workspace) {
        workspace.team?.giveBack()
        workspace.team = nil
    }

    /// Operations that remain after folding, fusing and removing.
    public var stepCount: Int { steps.count }

    func inputBuffer(_ index: Int) -> Int { 1 + index }
    func outputBuffer(_ index: Int) -> Int { 1 + inputs.count + index }

    /// Lets input `index` be read from the caller's memory. It must hold the whole input from
    /// `byteOffset` on.
    public func bindInput(
        _ index: Int, _ memory: AlignedMemory, byteOffset: Int, in workspace: Workspace
    ) {
        workspace.bind(buffer: inputBuffer(index), memory, byteOffset: byteOffset)
    }

    /// Lets a string input be read from the caller's array, from `start` on.
    public func bindInput(
        _ index: Int, strings: [String], start: Int, in workspace: Workspace
    ) {
        workspace.bind(buffer: inputBuffer(index), strings: strings, start: start)
    }

    /// Lets output `index` be written to the caller's memory. It must have room for the whole
    /// output from `byteOffset` on.
    public func bindOutput(
        _ index: Int, _ memory: AlignedMemory, byteOffset: Int, in workspace: Workspace
    ) {
        workspace.bind(buffer: outputBuffer(index), memory, byteOffset: byteOffset)
    }

    /// Lends the caller's array for a string output, or takes it back: call it before and after.
    public func exchangeOutput(
        _ index: Int, strings: inout [String], start: Int, in workspace: Workspace
    ) {
        workspace.exchange(buffer: outputBuffer(index), &strings, start: start)
    }

    /// Runs the steps, after `Workspace.prepare(for:)` and the binding of everything. Allocates
    /// nothing unless it fails.
    public func run(in workspace: Workspace) throws(GraphError) {
        let hasTeam = takeTeam(workspace)
        defer { if hasTeam { giveTeamBack(workspace) } }
        for index in steps.indices {
            do throws(OperatorFailure) {
                try steps[index].run(workspace)
            } catch {
                throw GraphError(error.reason, place: places[index], kind: .input)
            }
        }
    }

    /// Runs the steps as `run` does and adds the thread's own nanoseconds that
    /// each took to `times`, one a step.
    public func run(
        in workspace: Workspace, addingTimesTo times: inout [UInt64]
    ) throws(GraphError) {
        var start = ThreadClock.nanoseconds
        for index in steps.indices {
            do throws(OperatorFailure) {
                try steps[index].run(workspace)
            } catch {
                throw GraphError(error.reason, place: places[index], kind: .input)
            }
            let end = ThreadClock.nanoseconds
            times[index] += end - start
            start = end
        }
    }

    /// Forgets what was bound, so that the workspace keeps nobody's memory alive.
    public func unbind(_ workspace: Workspace) {
        workspace.unbind(buffers: 1..<1 + inputs.count + outputs.count)
    }
}
