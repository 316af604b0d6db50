import Glibc
import Kernels
import Primitives

/// What an `ai.onnx.ml` model does to its scores at the end (attribute `post_transform`).
enum PostTransform: Sendable {
    case none, softmax, logistic, softmaxZero, probit

    init(_ context: OperatorContext) throws(OperatorFailure) {
        switch try context.string("post_transform") ?? "NONE" {
        case "NONE": self = .none
        case "SOFTMAX": self = .softmax
        case "LOGISTIC": self = .logistic
        case "SOFTMAX_ZERO": self = .softmaxZero
        case "PROBIT": self = .probit
        case let other:
            throw OperatorFailure("its post_transform '\(other)' is none of the standard")
        }
    }

    /// Transforms every row in place.
    func apply(_ scores: inout MutableSpan<Float>, rows: Int, columns: Int) {
        switch self {
        case .none: break
        case .softmax: KernelSet.best.softmax(inPlace: &scores, rows: rows, columns: columns)
        case .logistic: KernelSet.best.unary(.sigmoid, inPlace: &scores)
        case .softmaxZero:
            for row in 0..<rows {
                Self.softmaxZero(&scores, row * columns..<(row + 1) * columns)
            }
        case .probit:
            for index in scores.indices { scores[index] = Self.probit(scores[index]) }
        }
    }

    /// The same in float64.
    func apply(_ scores: inout MutableSpan<Double>, rows: Int, columns: Int) {
        switch self {
        case .none: break
        case .softmax, .softmaxZero:
            for row in 0..<rows {
                softmax(&scores, row * columns..<(row + 1) * columns)
            }
        case .logistic:
            for index in scores.indices { scores[index] = 1 / (1 + exp(-scores[index])) }
        case .probit:
            for index in scores.indices { scores[index] = Self.probit(scores[index]) }
        }
    }

    private func softmax(_ scores: inout MutableSpan<Double>, _ row: Range<Int>) {
        var highest = -Double.greatestFiniteMagnitude
        for index in row where scores[index] > highest { highest = scores[index] }
        var sum = 0.0
        for index in row {
            if self == .softmaxZero, scores[index].magnitude <= 0.0000001 {
                scores[index] *= exp(-highest)
            } else {
                scores[index] = exp(scores[index] - highest)
                sum += scores[index]
            }
        }
        for index in row { scores[index] /= sum }
    }

    /// Softmax that leaves scores of (almost) zero at zero.
    private static func softmaxZero(_ scores: inout MutableSpan<Float>, _ row: Range<Int>) {
        var highest = -Float.greatestFiniteMagnitude
        for index in row where scores[index] > highest { highest = scores[index] }
        var sum: Float = 0
        for index in row {
            if scores[index].magnitude > 0.0000001 {
                scores[index] = expf(scores[index] - highest)
                sum += scores[index]
            } else {
                scores[index] *= expf(-highest)
            }
        }
        for index in row { scores[index] /= sum }
    }

    /// 1 / (1 + e^-x), the same from both sides.
    static func logistic(_ x: Float) -> Float {
        let value = 1 / (1 + expf(-x.magnitude))
        return x < 0 ? 1 - value : value
    }

    /// The inverse of the normal distribution, by Winitzki's approximation of the inverse error
    /// function, which is what ONNX Runtime computes.
    static func probit(_ x: Double) -> Double {
        let argument = 2 * x - 1
        let logarithm = log((1 - argument) * (1 + argument))
        let first = 2 / (3.14159 * 0.147) + 0.5 * logarithm
        let second = 1 / 0.147 * logarithm
        let root = (-first + (first * first - second).squareRoot()).squareRoot()
        return 1.41421356 * (argument < 0 ? -root : root)
    }

    /// The same in float32.
    static func probit(_ x: Float) -> Float {
        let argument = 2 * x - 1
        let logarithm = logf((1 - argument) * (1 + argument))
        let first = 2 / (Float(3.14159) * 0.147) + 0.5 * logarithm
        let second = 1 / Float(0.147) * logarithm
        let root = (-first + (first * first - second).squareRoot()).squareRoot()
        return Float(1.41421356) * (argument < 0 ? -root : root)
    }
}
