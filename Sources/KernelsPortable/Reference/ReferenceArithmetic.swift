import Glibc
import Primitives

/// One step of a dot product, as the kernels of this build take it.
@inline(__always)
func multiplyAdd(_ sum: Float, _ a: Float, _ b: Float) -> Float {
    #if MARTLET_FMA
        sum.addingProduct(a, b)
    #else
        sum + a * b
    #endif
}

/// What every kernel must compute, written as plainly as it can be.
///
/// Dense products, elementwise arithmetic and forests agree with their kernel bit for bit;
/// transcendental functions and sums over rows within the error the kernel promises.
public enum Reference {
    /// `function(x)`, computed in double precision where it is not exact.
    public static func unary(_ function: UnaryFunction, _ x: Float) -> Float {
        let wide = Double(x)
        switch function {
        case .relu: return x < 0 ? 0 : x
        case .exp: return Float(Glibc.exp(wide))
        case .log: return Float(Glibc.log(wide))
        case .sigmoid: return Float(1 / (1 + Glibc.exp(-wide)))
        case .tanh: return Float(Glibc.tanh(wide))
        case .softplus: return Float(Swift.max(wide, 0) + Glibc.log1p(Glibc.exp(-Swift.abs(wide))))
        case .erf: return Float(Glibc.erf(wide))
        case .gelu: return Float(wide * Glibc.erfc(-wide * 0.5.squareRoot()) / 2)
        case .sqrt: return x.squareRoot()
        case .abs: return Swift.abs(x)
        case .negate: return -x
        case .reciprocal: return 1 / x
        case .floor: return x.rounded(.down)
        case .ceiling: return x.rounded(.up)
        case .round: return x.rounded(.toNearestOrEven)
        case .sign: return x > 0 ? 1 : x < 0 ? -1 : x.isNaN ? x : 0
        }
    }

    /// `function(a, b)`, exactly rounded.
    public static func binary(_ function: BinaryFunction, _ a: Float, _ b: Float) -> Float {
        switch function {
        case .add: a + b
        case .subtract: a - b
        case .multiply: a * b
        case .divide: a / b
        case .maximum: a.isNaN ? a : b.isNaN ? b : a > b ? a : b
        case .minimum: a.isNaN ? a : b.isNaN ? b : a < b ? a : b
        }
    }

    /// The activation after a dense product.
    public static func activate(_ activation: Activation, _ x: Float) -> Float {
        switch activation {
        case .none: x
        case .relu: unary(.relu, x)
        case .sigmoid: unary(.sigmoid, x)
        case .tanh: unary(.tanh, x)
        }
    }

    /// c = activation(a · b + bias), all row-major, `b` not packed.
    public static func gemm(
        a: [Float], m: Int, k: Int, b: [Float], n: Int, bias: [Float]? = nil,
        activation: Activation = .none
    ) -> [Float] {
        var c = [Float](repeating: 0, count: m * n)
        for row in 0..<m {
            for column in 0..<n {
                var sum: Float = 0
                for index in 0..<k {
                    sum = multiplyAdd(sum, a[row * k + index], b[index * n + column])
                }
                if let bias { sum += bias[column] }
                c[row * n + column] = activate(activation, sum)
            }
        }
        return c
    }
}
