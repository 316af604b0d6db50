import Primitives
import Synchronization

/// Plans of one compiled graph by the shapes they are for, the latest used ones.
///
/// Shared by all threads; a look-up allocates nothing. Plans are built outside of the lock: two
/// threads may build the same one, the second is dropped.
public final class PlanCache: Sendable {
    private struct Entry {
        let shapes: [[Int]]
        let plan: Plan
        var lastUse: UInt64
    }

    private struct State {
        var entries: [Entry] = []
        var uses: UInt64 = 0
    }

    private let compiled: CompiledGraph
    private let countMax: Int
    private let state = Mutex(State())

    public init(_ compiled: CompiledGraph, countMax: Int) {
        self.compiled = compiled
        self.countMax = max(countMax, 1)
    }

    /// The plan for inputs of these shapes; built and kept when it is not there.
    public func plan(for shapes: [[Int]]) throws(GraphError) -> Plan {
        if let plan = find(shapes) { return plan }
        let plan = try compiled.plan(inputShapes: shapes)
        // A copy of the arrays: the caller may go on writing to its own.
        keep(Entry(shapes: shapes.map { Array($0) }, plan: plan, lastUse: 0))
        return plan
    }

    private func find(_ shapes: [[Int]]) -> Plan? {
        state.withLock { state in
            for index in state.entries.indices where state.entries[index].shapes == shapes {
                state.uses &+= 1
                state.entries[index].lastUse = state.uses
                return state.entries[index].plan
            }
            return nil
        }
    }

    private func keep(_ entry: Entry) {
        state.withLock { state in
            state.uses &+= 1
            var entry = entry
            entry.lastUse = state.uses
            if state.entries.contains(where: { $0.shapes == entry.shapes }) { return }
            if state.entries.count < countMax {
                state.entries.append(entry)
                return
            }
            var oldest = 0
            for index in state.entries.indices
            where state.entries[index].lastUse < state.entries[oldest].lastUse {
                oldest = index
            }
            state.entries[oldest] = entry
        }
    }
}
