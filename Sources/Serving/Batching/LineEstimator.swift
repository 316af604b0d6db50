/// Fits `y = a + b·n` to a stream of measured runs: recursive least squares with forgetting, on clipped
/// residuals, held to a prior line.
///
/// - Forgetting: each run counts 2 % less with every later one, so the line follows a machine that
///   became slower or faster.
/// - Clipping (Huber's influence bound): a run further from the line than four times the usual
///   distance counts as if it were just there. One preempted run moves the line by less than a
///   percent; a lasting change widens the usual distance and is followed within about twenty runs.
/// - Weights: the distance counts relative to what the prior line says of the run, so that short runs are
///   fitted as well as long ones, and runs before and after the machine became slower count alike.
/// - The prior line, from warm-up, is scaled to what is measured and counts like a third of a run: when all
///   runs have the same size, the split into `a` and `b` stays the one of warm-up.
///
/// A value without clock or lock. An observation costs about 20 ns.
public struct LineEstimator: Sendable {
    /// Nanoseconds of a run of no rows, and of each row.
    public private(set) var base: Double
    public private(set) var perRow: Double

    private let priorBase: Double
    private let priorPerRow: Double
    private var count = 0.0
    private var weight = 0.0
    private var sumN = 0.0
    private var sumNN = 0.0
    private var sumY = 0.0
    private var sumNY = 0.0
    /// For the scale of the prior line: Σ q·y and Σ q², where q is what the prior says.
    private var sumQY = 0.0
    private var sumQQ = 0.0
    /// The usual distance of a run from the line, as a part of it.
    private var spread: Double
    private var rowsMax = 1.0

    private static let memory = 0.98
    private static let priorWeight = 0.3
    private static let clip = 4.0

    /// Starts with the line through two measured points (nanoseconds at two row counts).
    public init(rows1: Int, nanoseconds1: Double, rows2: Int, nanoseconds2: Double) {
        var slope = 0.0
        if rows2 > rows1 {
            slope = max(0, (nanoseconds2 - nanoseconds1) / Double(rows2 - rows1))
        }
        priorBase = max(0, nanoseconds1 - slope * Double(rows1))
        priorPerRow = slope
        base = priorBase
        perRow = priorPerRow
        spread = 0.05
    }

    /// What a run of `rows` is expected to take.
    public func nanoseconds(rows: Int) -> Double { base + perRow * Double(rows) }

    /// Learns from a run that was measured.
    public mutating func observe(rows: Int, nanoseconds: Double) {
        let n = Double(max(rows, 1))
        let nanoseconds = max(nanoseconds, 1)
        let expected = max(base + perRow * n, 1)
        let reach = max(spread * Self.clip, 0.1)
        let distance = min(max(nanoseconds / expected - 1, -reach), reach)
        spread += (abs(distance) - spread) * 0.1
        add(n, max(expected * (1 + distance), 1))
        solve()
    }

    private mutating func add(_ n: Double, _ y: Double) {
        rowsMax = max(rowsMax, n)
        let q = max(priorBase + priorPerRow * n, 1)
        let w = 1 / (q * q)
        count = count * Self.memory + 1
        weight = weight * Self.memory + w
        sumN = sumN * Self.memory + w * n
        sumNN = sumNN * Self.memory + w * n * n
        sumY = sumY * Self.memory + w * y
        sumNY = sumNY * Self.memory + w * n * y
        sumQY = sumQY * Self.memory + w * q * y
        sumQQ = sumQQ * Self.memory + w * q * q
    }

    /// The line with the least squares of what is remembered, and of its distance from the scaled prior.
    private mutating func solve() {
        let scale = sumQY / sumQQ
        let (a0, b0) = (priorBase * scale, priorPerRow * scale)
        // Rows are counted in units of the largest run, so that both unknowns have one scale.
        let prior = Self.priorWeight * weight / count
        let x = sumN / rowsMax
        let xx = sumNN / (rowsMax * rowsMax) + prior
        let w = weight + prior
        let z = sumY - a0 * weight - b0 * sumN
        let zx = (sumNY - a0 * sumN - b0 * sumNN) / rowsMax
        let determinant = w * xx - x * x
        base = a0 + (z * xx - zx * x) / determinant
        perRow = b0 + (zx * w - z * x) / determinant / rowsMax
        if perRow < 0 {
            perRow = 0
            base = sumY / weight
        }
        if base < 0 {
            base = 0
            perRow = max(sumNY / sumNN, 0)
        }
    }
}
