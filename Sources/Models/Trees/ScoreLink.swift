import Glibc
import Primitives

/// What becomes of the sums of a model's leaves, its margins: the inverse of the link function of
/// the objective it was trained with.
enum ScoreLink: Sendable, Equatable {
    /// The margin itself: squared and absolute errors, ranking, raw scores.
    case identity
    /// 1 / (1 + e^-s·x) of each margin, as a number: regression of probabilities.
    case sigmoid(Double)
    /// e^x: counts, gamma, tweedie, survival.
    case exponential
    /// x·|x|: LightGBM's regression on square roots.
    case signedSquare
    /// ln(1 + e^x): LightGBM's cross_entropy_lambda.
    case softplus
    /// Two classes; the probability of the second is the sigmoid.
    case binary(Double)
    /// Two classes by sign, without probabilities.
    case hinge
    /// A margin each class; probabilities add up to one.
    case softmax
    /// A margin each class, each with a sigmoid of its own: one against all.
    case sigmoidEach(Double)

    /// Whether predictions are classes.
    var isClassifier: Bool {
        switch self {
        case .binary, .hinge, .softmax, .sigmoidEach: true
        case .identity, .sigmoid, .exponential, .signedSquare, .softplus: false
        }
    }

    var hasProbabilities: Bool { isClassifier && self != .hinge }

    /// Classes of a model with so many margins a row.
    func classCount(targets: Int) -> Int {
        switch self {
        case .binary, .hinge: 2
        case .softmax, .sigmoidEach: targets
        case .identity, .sigmoid, .exponential, .signedSquare, .softplus: 0
        }
    }

    /// The prediction of a regression.
    func value(_ margin: Double) -> Double {
        switch self {
        case .identity, .softmax, .sigmoidEach, .hinge, .binary: margin
        case .sigmoid(let slope): Self.logistic(slope * margin)
        case .exponential: exp(margin)
        case .signedSquare: margin * abs(margin)
        case .softplus: log1p(exp(margin))
        }
    }

    static func logistic(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

    /// The class of a row; of equal margins the first.
    func label<Value: ForestValue>(_ margins: Span<Value>, row: Int, targets: Int) -> Int {
        let first = row * targets
        switch self {
        case .binary(let slope): return slope * margins[first].wide > 0 ? 1 : 0
        case .hinge: return margins[first] > 0 ? 1 : 0
        case .softmax, .sigmoidEach, .identity, .sigmoid, .exponential, .signedSquare, .softplus:
            var best = 0
            for target in 1..<max(targets, 1) where margins[first + target] > margins[first + best]
            {
                best = target
            }
            return best
        }
    }

    /// Writes the probabilities of a row's classes.
    func probabilities<Value: ForestValue>(
        _ margins: Span<Value>, row: Int, targets: Int, into y: inout MutableSpan<Value>
    ) {
        let first = row * targets
        switch self {
        case .binary(let slope):
            let yes = Self.logistic(slope * margins[first].wide)
            y[2 * row] = Value(rounding: 1 - yes)
            y[2 * row + 1] = Value(rounding: yes)
        case .softmax:
            var highest = margins[first].wide
            for target in 1..<targets { highest = max(highest, margins[first + target].wide) }
            var sum = 0.0
            for target in 0..<targets { sum += exp(margins[first + target].wide - highest) }
            for target in 0..<targets {
                y[first + target] = Value(
                    rounding: exp(margins[first + target].wide - highest) / sum)
            }
        case .sigmoidEach(let slope):
            for target in 0..<targets {
                y[first + target] = Value(
                    rounding: Self.logistic(slope * margins[first + target].wide))
            }
        case .hinge, .identity, .sigmoid, .exponential, .signedSquare, .softplus:
            preconditionFailure("only classifiers with probabilities are asked for them")
        }
    }
}
