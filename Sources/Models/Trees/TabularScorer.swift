import Kernels
import Primitives

/// How a tabular model computes its margins.
enum TabularScorer: Sendable {
    case forest(Forest)
    /// A forest whose leaves hold linear functions (LightGBM's linear_tree).
    case linearLeaves(Forest, LinearLeaves)
    /// One linear function a target (XGBoost's gblinear).
    case linear(LinearScorer)

    var targetCount: Int {
        switch self {
        case .forest(let forest), .linearLeaves(let forest, _): forest.targetCount
        case .linear(let linear): linear.targetCount
        }
    }

    /// The trees, if it has any.
    var forest: Forest? {
        switch self {
        case .forest(let forest), .linearLeaves(let forest, _): forest
        case .linear: nil
        }
    }

    /// Bytes a row needs beside its input and its margins.
    var scratchBytesPerRow: Int {
        switch self {
        case .forest, .linear: 0
        case .linearLeaves(let forest, _): forest.treeCount * 4
        }
    }
}

/// The values of a tabular model: what the kernels of its precision are called with.
protocol TabularValue: ForestValue {
    static var dataType: DataType { get }
    static func scores(
        _ forest: Forest, _ x: Span<Self>, rows: Int, features: Int, _ y: inout MutableSpan<Self>)
    static func leaves(
        _ forest: Forest, _ x: Span<Self>, rows: Int, features: Int,
        _ leaves: inout MutableSpan<Int32>)
    static func contributions(
        _ forest: Forest, _ x: Span<Self>, rows: Int, _ y: inout MutableSpan<Self>)
}

extension Float: TabularValue {
    static func contributions(
        _ forest: Forest, _ x: Span<Float>, rows: Int, _ y: inout MutableSpan<Float>
    ) {
        KernelSet.best.forestContributions(forest, x: x, rows: rows, y: &y)
    }
    static var dataType: DataType { .float32 }
    static func scores(
        _ forest: Forest, _ x: Span<Float>, rows: Int, features: Int,
        _ y: inout MutableSpan<Float>
    ) {
        KernelSet.best.forestScores(forest, x: x, rows: rows, features: features, y: &y)
    }
    static func leaves(
        _ forest: Forest, _ x: Span<Float>, rows: Int, features: Int,
        _ leaves: inout MutableSpan<Int32>
    ) {
        KernelSet.best.forestLeaves(forest, x: x, rows: rows, features: features, leaves: &leaves)
    }
}

extension Double: TabularValue {
    static func contributions(
        _ forest: Forest, _ x: Span<Double>, rows: Int, _ y: inout MutableSpan<Double>
    ) {
        KernelSet.best.forestContributions(forest, x: x, rows: rows, y: &y)
    }
    static var dataType: DataType { .float64 }
    static func scores(
        _ forest: Forest, _ x: Span<Double>, rows: Int, features: Int,
        _ y: inout MutableSpan<Double>
    ) {
        KernelSet.best.forestScores(forest, x: x, rows: rows, features: features, y: &y)
    }
    static func leaves(
        _ forest: Forest, _ x: Span<Double>, rows: Int, features: Int,
        _ leaves: inout MutableSpan<Int32>
    ) {
        KernelSet.best.forestLeaves(forest, x: x, rows: rows, features: features, leaves: &leaves)
    }
}
