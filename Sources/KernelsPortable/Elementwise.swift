import Primitives

/// y[i] = body(x[i]) by eights; the rest goes through the same instructions on a padded vector, so
/// an element's bits do not depend on where it stands. `y` may be `x`.
@inline(__always)
func map(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int, _ body: (F8) -> F8
) {
    let whole = count & ~7
    var index = 0
    while index < whole {
        store(body(load(x + index)), y + index)
        index += 8
    }
    let rest = count - whole
    if rest > 0 { store(body(load(x + whole, count: rest)), y + whole, count: rest) }
}

/// The same for two operands.
@inline(__always)
private func map(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
    _ count: Int, _ body: (F8, F8) -> F8
) {
    let whole = count & ~7
    var index = 0
    while index < whole {
        store(body(load(a + index), load(b + index)), y + index)
        index += 8
    }
    let rest = count - whole
    if rest > 0 {
        let value = body(load(a + whole, count: rest), load(b + whole, count: rest))
        store(value, y + whole, count: rest)
    }
}

@inline(never)
public func unaryF32(
    _ function: UnaryFunction, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
    count: Int
) {
    let zero = F8(repeating: 0)
    let one = F8(repeating: 1)
    switch function {
    case .relu: map(x, y, count) { rectify($0) }
    case .exp: map(x, y, count) { exponential($0) }
    case .log: map(x, y, count) { logarithm($0) }
    case .sigmoid: map(x, y, count) { logistic($0) }
    case .tanh: map(x, y, count) { hyperbolicTangent($0) }
    case .softplus: map(x, y, count) { softplus($0) }
    case .erf: map(x, y, count) { errorFunction($0) }
    case .gelu: map(x, y, count) { gaussianLinear($0) }
    case .sqrt: map(x, y, count) { $0.squareRoot() }
    case .abs: map(x, y, count) { magnitude($0) }
    case .negate: map(x, y, count) { floats(integers($0) ^ SIMD8(repeating: Int32.min)) }
    case .reciprocal: map(x, y, count) { one / $0 }
    case .floor: map(x, y, count) { $0.rounded(.down) }
    case .ceiling: map(x, y, count) { $0.rounded(.up) }
    case .round: map(x, y, count) { $0.rounded(.toNearestOrEven) }
    case .sign:
        map(x, y, count) {
            let signed = copySign($0, to: one)
            return select($0 .> zero, signed, select($0 .< zero, signed, $0))
        }
    }
}

/// max(x, 0); NaN and -0 stay.
@inline(__always)
func rectify(_ x: F8) -> F8 {
    let zero = F8(repeating: 0)
    return select(x .< zero, zero, x)
}

@inline(__always)
private func maximum(_ a: F8, _ b: F8) -> F8 {
    let greater = select(a .> b, a, b)  // b where b is NaN
    return select(a .== a, greater, a)
}

@inline(__always)
private func minimum(_ a: F8, _ b: F8) -> F8 {
    let less = select(a .< b, a, b)
    return select(a .== a, less, a)
}

@inline(never)
public func binaryF32(
    _ function: BinaryFunction, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>,
    _ y: UnsafeMutablePointer<Float>, count: Int
) {
    switch function {
    case .add: map(a, b, y, count) { $0 + $1 }
    case .subtract: map(a, b, y, count) { $0 - $1 }
    case .multiply: map(a, b, y, count) { $0 * $1 }
    case .divide: map(a, b, y, count) { $0 / $1 }
    case .maximum: map(a, b, y, count) { maximum($0, $1) }
    case .minimum: map(a, b, y, count) { minimum($0, $1) }
    }
}

@inline(never)
public func binaryScalarF32(
    _ function: BinaryFunction, _ a: UnsafePointer<Float>, _ b: Float,
    _ y: UnsafeMutablePointer<Float>, _ count: Int
) {
    let b = F8(repeating: b)
    switch function {
    case .add: map(a, y, count) { $0 + b }
    case .subtract: map(a, y, count) { $0 - b }
    case .multiply: map(a, y, count) { $0 * b }
    case .divide: map(a, y, count) { $0 / b }
    case .maximum: map(a, y, count) { maximum($0, b) }
    case .minimum: map(a, y, count) { minimum($0, b) }
    }
}

@inline(never)
public func scalarBinaryF32(
    _ function: BinaryFunction, _ a: Float, _ b: UnsafePointer<Float>,
    _ y: UnsafeMutablePointer<Float>, _ count: Int
) {
    let a = F8(repeating: a)
    switch function {
    case .add: map(b, y, count) { a + $0 }
    case .subtract: map(b, y, count) { a - $0 }
    case .multiply: map(b, y, count) { a * $0 }
    case .divide: map(b, y, count) { a / $0 }
    case .maximum: map(b, y, count) { maximum(a, $0) }
    case .minimum: map(b, y, count) { minimum(a, $0) }
    }
}

/// min(max(x, low), high); NaN stays, and a NaN bound bounds nothing.
@inline(never)
public func clampF32(
    _ x: UnsafePointer<Float>, _ low: Float, _ high: Float, _ y: UnsafeMutablePointer<Float>,
    _ count: Int
) {
    let low = F8(repeating: low)
    let high = F8(repeating: high)
    map(x, y, count) {
        let raised = select($0 .< low, low, $0)
        return select(raised .> high, high, raised)
    }
}
