import Glibc
import Primitives

/// The kernel of a support vector machine (attributes `kernel_type` and `kernel_params`) and its
/// support vectors.
struct SVMKernel: Sendable {
    enum Kind: Sendable {
        case linear, polynomial, radial, sigmoid
    }

    let kind: Kind
    let (gamma, coef0, degree): (Float, Float, Float)

    init(_ context: OperatorContext) throws(OperatorFailure) {
        switch try context.string("kernel_type") ?? "LINEAR" {
        case "LINEAR": kind = .linear
        case "POLY": kind = .polynomial
        case "RBF": kind = .radial
        case "SIGMOID": kind = .sigmoid
        case let other: throw OperatorFailure("its kernel_type '\(other)' is none of the standard")
        }
        let parameters = try context.floats("kernel_params") ?? []
        guard parameters.isEmpty || parameters.count == 3 else {
            throw OperatorFailure("it has \(parameters.count) kernel_params instead of 3")
        }
        (gamma, coef0, degree) =
            parameters.isEmpty ? (0, 0, 0) : (parameters[0], parameters[1], parameters[2])
    }

    /// The kernel of row `row` of `x` and vector `index` of `vectors`. Sums are in float64, in the
    /// order of the columns.
    func value(
        _ x: Span<Float>, row: Int, _ vectors: [Float], index: Int, columns: Int
    ) -> Float {
        let (first, other) = (row * columns, index * columns)
        var sum = 0.0
        if kind == .radial {
            for column in 0..<columns {
                let difference = Double(x[first + column]) - Double(vectors[other + column])
                sum += difference * difference
            }
            return Float(exp(-Double(gamma) * sum))
        }
        for column in 0..<columns {
            sum += Double(x[first + column]) * Double(vectors[other + column])
        }
        switch kind {
        case .linear, .radial: return Float(sum)
        case .polynomial:
            return Float(pow(Double(gamma) * sum + Double(coef0), Double(degree)))
        case .sigmoid: return Float(tanh(Double(gamma) * sum + Double(coef0)))
        }
    }
}
