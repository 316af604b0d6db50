import Primitives

/// How the raw scores of a tree ensemble become labels and the scores it gives out.
struct ClassScores: Sendable {
    enum Kind: Sendable, Equatable {
        /// A score a class.
        case multiclass
        /// One class only, one score; the label says whether it is positive.
        case single
        /// One raw score for two classes; true when no weight is negative.
        case binary(Bool)
        /// The same with two base values: the raw score is the first class's, the other stays 0.
        case first(Bool)
        /// A score for each of two classes, of which only the second has weights.
        case second(Bool)
    }

    let kind: Kind
    let transform: PostTransform

    /// Whether the forest gives every score by itself.
    var hasScoreEach: Bool {
        switch kind {
        case .multiclass, .second: true
        case .single, .binary, .first: false
        }
    }

    /// The class of a row.
    func label(_ raw: Span<Float>, row: Int, columns: Int) -> Int {
        switch kind {
        case .multiclass: raw.indexOfGreatest(row * columns..<(row + 1) * columns)
        case .single: raw[row] > 0 ? 1 : 0
        case .binary(let isPositive), .first(let isPositive):
            raw[row] > (isPositive ? 0.5 : 0) ? 1 : 0
        case .second(let isPositive): raw[2 * row + 1] > (isPositive ? 0.5 : 0) ? 1 : 0
        }
    }

    /// Writes the scores of all rows, for the kinds with one raw score. `scores` may be `raw`
    /// itself for a single class.
    func write(_ raw: Span<Float>, rows: Int, to scores: inout MutableSpan<Float>) {
        for row in 0..<rows {
            let score = raw[row]
            switch kind {
            case .multiclass, .second: break
            case .single: scores[row] = score
            case .first:
                scores[2 * row] = score
                scores[2 * row + 1] = 0
            case .binary(let isPositive):
                let pair = pair(score, isPositive)
                scores[2 * row] = pair.0
                scores[2 * row + 1] = pair.1
            }
        }
        switch kind {
        case .multiclass, .second, .binary: break
        case .single: if transform != .none { transform.apply(&scores, rows: rows, columns: 1) }
        case .first: transform.apply(&scores, rows: rows, columns: 2)
        }
    }

    private func pair(_ score: Float, _ isPositive: Bool) -> (Float, Float) {
        if transform == .probit { return (PostTransform.probit(score), 0) }
        if transform == .logistic {
            return (PostTransform.logistic(-score), PostTransform.logistic(score))
        }
        return (isPositive ? 1 - score : -score, score)
    }
}
