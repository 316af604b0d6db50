import KernelsPortable
import KernelsV3
import Primitives

extension KernelSet {
    /// y[r, t] = the aggregate, over the trees in their order, of what row r's leaves vote for
    /// target t, plus the target's base value.
    ///
    /// For forests of precision float32. `x` holds rows × features values, `y` rows × targets.
    /// Votes are added in float64, as the libraries that train forests do, and rounded once. A
    /// target no leaf voted for has its base value.
    /// - Cost: a step a level, tree and row; eight traversals run interleaved.
    @inline(never)
    public func forestScores(
        _ forest: Forest, x: Span<Float>, rows: Int, features: Int, y: inout MutableSpan<Float>
    ) {
        forest.check(.float32, inputs: x.count, rows, features)
        precondition(
            y.count == area(rows, forest.targetCount), "the result holds rows × targets values")
        let (x, y) = unsafe (x.address, y.address)
        forest.withTables(Float.self) { tables in
            switch level {
            case .portable:
                unsafe KernelsPortable.forestF32(
                    tables, x: x, rows: rows, features: features, y: y)
            case .v3: unsafe KernelsV3.forestF32(tables, x: x, rows: rows, features: features, y: y)
            }
        }
    }

    /// The same for forests of precision float64.
    @inline(never)
    public func forestScores(
        _ forest: Forest, x: Span<Double>, rows: Int, features: Int, y: inout MutableSpan<Double>
    ) {
        forest.check(.float64, inputs: x.count, rows, features)
        precondition(
            y.count == area(rows, forest.targetCount), "the result holds rows × targets values")
        let (x, y) = unsafe (x.address, y.address)
        forest.withTables(Double.self) { tables in
            switch level {
            case .portable:
                unsafe KernelsPortable.forestF64(
                    tables, x: x, rows: rows, features: features, y: y)
            case .v3: unsafe KernelsV3.forestF64(tables, x: x, rows: rows, features: features, y: y)
            }
        }
    }

    /// leaves[r, t] = the node that row r reaches in tree t. `Forest.origin` tells what it is.
    @inline(never)
    public func forestLeaves(
        _ forest: Forest, x: Span<Float>, rows: Int, features: Int,
        leaves: inout MutableSpan<Int32>
    ) {
        forest.check(.float32, inputs: x.count, rows, features)
        precondition(
            leaves.count == area(rows, forest.treeCount), "the result holds rows × trees leaves")
        let (x, y) = unsafe (x.address, leaves.address)
        forest.withTables(Float.self) { tables in
            switch level {
            case .portable:
                unsafe KernelsPortable.forestLeavesF32(
                    tables, x: x, rows: rows, features: features, leaves: y)
            case .v3:
                unsafe KernelsV3.forestLeavesF32(
                    tables, x: x, rows: rows, features: features, leaves: y)
            }
        }
    }

    /// The same for forests of precision float64.
    @inline(never)
    public func forestLeaves(
        _ forest: Forest, x: Span<Double>, rows: Int, features: Int,
        leaves: inout MutableSpan<Int32>
    ) {
        forest.check(.float64, inputs: x.count, rows, features)
        precondition(
            leaves.count == area(rows, forest.treeCount), "the result holds rows × trees leaves")
        let (x, y) = unsafe (x.address, leaves.address)
        forest.withTables(Double.self) { tables in
            switch level {
            case .portable:
                unsafe KernelsPortable.forestLeavesF64(
                    tables, x: x, rows: rows, features: features, leaves: y)
            case .v3:
                unsafe KernelsV3.forestLeavesF64(
                    tables, x: x, rows: rows, features: features, leaves: y)
            }
        }
    }
}
