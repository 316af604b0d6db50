import Primitives

/// y = (x - mean) / √(variance + ε) of each row of a matrix (or x / √(mean of squares + ε)), sums in
/// float64 in the order of the columns: a row's values do not depend on other rows.
final class NormalizeStep<T: Number & BinaryFloatingPoint>: Step {
    private let (x, y): (Operand, Operand)
    private let (rows, columns): (Int, Int)
    private let epsilon: Double
    private let isCentered: Bool
    private let (mean, inverse): (Operand?, Operand?)
    private let scale: Operand?
    private let bias: Operand?

    /// - Parameters:
    ///   - scale, bias: one value a column, applied to the normalised values.
    ///   - mean, inverse: float32 outputs, one value a row.
    init(
        _ x: Operand, _ y: Operand, rows: Int, columns: Int, epsilon: Double,
        isCentered: Bool = true, scale: Operand? = nil, bias: Operand? = nil,
        mean: Operand? = nil, inverse: Operand? = nil
    ) {
        (self.x, self.y) = (x, y)
        (self.rows, self.columns) = (rows, columns)
        (self.epsilon, self.isCentered) = (epsilon, isCentered)
        (self.scale, self.bias) = (scale, bias)
        (self.mean, self.inverse) = (mean, inverse)
    }

    @_specialize(where T == Float)
    @_specialize(where T == Double)
    func run(_ workspace: Workspace) {
        let source = workspace.span(x, as: T.self)
        for row in 0..<rows {
            let start = row * columns
            var center = 0.0
            if isCentered {
                for index in start..<start + columns { center += Double(source[index]) }
                center /= Double(columns)
            }
            var squares = 0.0
            for index in start..<start + columns {
                let distance = Double(source[index]) - center
                squares += distance * distance
            }
            let factor = 1 / (squares / Double(columns) + epsilon).squareRoot()
            write(workspace, row: row, center, factor)
        }
    }

    private func write(_ workspace: Workspace, row: Int, _ center: Double, _ factor: Double) {
        let source = workspace.span(x, as: T.self)
        var target = workspace.mutableSpan(y, as: T.self)
        let start = row * columns
        if let scale {
            let gains = workspace.span(scale, as: T.self)
            for column in 0..<columns {
                let value = (Double(source[start + column]) - center) * factor
                target[start + column] = T(value * Double(gains[column]))
            }
        } else {
            for column in 0..<columns {
                target[start + column] = T((Double(source[start + column]) - center) * factor)
            }
        }
        if let bias {
            let shifts = workspace.span(bias, as: T.self)
            for column in 0..<columns { target[start + column] += shifts[column] }
        }
        if let mean {
            var values = workspace.mutableSpan(mean, as: Float.self)
            values[row] = Float(center)
        }
        if let inverse {
            var values = workspace.mutableSpan(inverse, as: Float.self)
            values[row] = Float(factor)
        }
    }
}

/// Scale and bias of normalised values by a broadcast: y = y · scale + bias.
enum ScaleShift {
    static func steps(
        _ y: Operand, shape: [Int], scale: Operand?, bias: Operand?
    ) throws(OperatorFailure) -> [any Step] {
        let view = y.viewed(shape)
        var steps: [any Step] = []
        if let scale {
            let places = try PairPlaces(view, scale, view)
            steps.append(
                y.dataType == .float64
                    ? PairStep<Double, Double, Double>(places) { $0 * $1 }
                    : PairStep<Float, Float, Float>(places) { $0 * $1 })
        }
        if let bias {
            let places = try PairPlaces(view, bias, view)
            steps.append(
                y.dataType == .float64
                    ? PairStep<Double, Double, Double>(places) { $0 + $1 }
                    : PairStep<Float, Float, Float>(places) { $0 + $1 })
        }
        return steps
    }
}
