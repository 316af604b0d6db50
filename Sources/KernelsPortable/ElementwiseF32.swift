import Primitives

public func unaryF32(
    _ function: UnaryFunction, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
    count: Int
) {
    for index in 0..<count { y[index] = Reference.unary(function, x[index]) }
}

public func binaryF32(
    _ function: BinaryFunction, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>,
    _ y: UnsafeMutablePointer<Float>, count: Int
) {
    for index in 0..<count { y[index] = Reference.binary(function, a[index], b[index]) }
}

public func binaryScalarF32(
    _ function: BinaryFunction, _ a: UnsafePointer<Float>, _ b: Float,
    _ y: UnsafeMutablePointer<Float>, _ count: Int
) {
    for index in 0..<count { y[index] = Reference.binary(function, a[index], b) }
}

public func scalarBinaryF32(
    _ function: BinaryFunction, _ a: Float, _ b: UnsafePointer<Float>,
    _ y: UnsafeMutablePointer<Float>, _ count: Int
) {
    for index in 0..<count { y[index] = Reference.binary(function, a, b[index]) }
}

public func clampF32(
    _ x: UnsafePointer<Float>, _ low: Float, _ high: Float, _ y: UnsafeMutablePointer<Float>,
    _ count: Int
) {
    for index in 0..<count {
        let raised = x[index] < low ? low : x[index]
        y[index] = raised > high ? high : raised
    }
}
