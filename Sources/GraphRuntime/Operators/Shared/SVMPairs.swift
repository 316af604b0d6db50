import Glibc
import Primitives

/// The classifiers of an `SVMClassifier`, one a pair of classes.
struct SVMPairs: Sendable {
    let classCount: Int
    let columns: Int
    let vectors: [Float]
    /// No support vectors: one linear function a class, whose weights are the coefficients.
    let isLinear: Bool
    private let kernel: SVMKernel
    private let coefficients: [Float]
    private let rho: [Float]
    private let (a, b): ([Float], [Float])
    /// Of each class, where its support vectors begin; and their number at the end.
    private let starts: [Int]

    var hasProbabilities: Bool { !a.isEmpty && !isLinear }
    var pairCount: Int { classCount * (classCount - 1) / 2 }
    private var vectorCount: Int { starts.last ?? 0 }
    /// Float64 numbers that `pairs` needs room for.
    var scratchCount: Int {
        isLinear ? 0 : vectorCount + 2 * classCount * classCount + 3 * classCount
    }

    init(_ context: OperatorContext, classCount: Int) throws(OperatorFailure) {
        self.classCount = classCount
        guard classCount > 1, classCount < 65_536 else {
            throw OperatorFailure("it has \(classCount) classes")
        }
        kernel = try SVMKernel(context)
        coefficients = try context.floats("coefficients") ?? []
        rho = try context.floats("rho") ?? []
        a = try context.floats("prob_a") ?? []
        b = try context.floats("prob_b") ?? []
        vectors = try context.floats("support_vectors") ?? []
        let counts = try context.ints("vectors_per_class") ?? []
        var starts = [0]
        for count in counts {
            guard count >= 0, count <= vectors.count else {
                throw OperatorFailure("a class has \(count) support vectors")
            }
            starts.append((starts.last ?? 0) + count)
        }
        let total = starts.last ?? 0
        isLinear = total == 0
        self.starts = starts
        guard !isLinear else {
            guard !coefficients.isEmpty, coefficients.count % classCount == 0, rho.count >= 1 else {
                throw OperatorFailure(
                    "its \(coefficients.count) coefficients are no row for each of \(classCount) "
                        + "classes")
            }
            columns = coefficients.count / classCount
            return
        }
        let pairCount = classCount * (classCount - 1) / 2
        guard counts.count == classCount, vectors.count % total == 0,
            coefficients.count == (classCount - 1) * total, rho.count == pairCount,
            a.count == b.count, a.isEmpty || a.count == pairCount
        else {
            throw OperatorFailure(
                "its lists do not fit \(classCount) classes and \(total) support vectors")
        }
        columns = vectors.count / total
    }

    /// Writes a row's scores; its class.
    func linear(_ x: Span<Float>, row: Int, into scores: inout MutableSpan<Float>) -> Int {
        let first = row * classCount
        var best = 0
        for index in 0..<classCount {
            var sum = Double(rho[0])
            for column in 0..<columns {
                sum +=
                    Double(x[row * columns + column])
                    * Double(coefficients[index * columns + column])
            }
            scores[first + index] = Float(sum)
            if scores[first + index] > scores[first + best] { best = index }
        }
        guard classCount == 2, a.isEmpty else { return best }
        let isPositive = coefficients.allSatisfy { $0 >= 0 }
        return scores[first + best] >= (isPositive ? 0.5 : Float(0).nextUp) ? 1 : best
    }

    /// Writes a row's scores, of pairs or classes; its class, by the votes of the pairs.
    func pairs(
        _ x: Span<Float>, row: Int, _ scratch: inout MutableSpan<Double>,
        into scores: inout MutableSpan<Float>, width: Int
    ) -> Int {
        for index in 0..<vectorCount {
            scratch[index] = Double(
                kernel.value(x, row: row, vectors, index: index, columns: columns))
        }
        let votes = vectorCount
        let shares = votes + classCount
        for index in 0..<classCount { scratch[votes + index] = 0 }
        var pair = 0
        for i in 0..<classCount - 1 {
            for j in i + 1..<classCount {
                let score = score(i, j, pair, scratch)
                scratch[votes + (score > 0 ? i : j)] += 1
                if hasProbabilities {
                    let share = calibrated(score, pair)
                    scratch[shares + i * classCount + j] = share
                    scratch[shares + j * classCount + i] = 1 - share
                } else {
                    scores[row * width + pair] = Float(score)
                }
                pair += 1
            }
        }
        if hasProbabilities {
            couple(&scratch, shares: shares)
            let result = shares + 2 * classCount * classCount
            for index in 0..<classCount {
                scores[row * width + index] = Float(scratch[result + index])
            }
        }
        var best = 0
        for index in 1..<classCount where scratch[votes + index] > scratch[votes + best] {
            best = index
        }
        return best
    }

    /// The decision between two classes: the coefficients of one's vectors against the other.
    private func score(_ i: Int, _ j: Int, _ pair: Int, _ scratch: borrowing MutableSpan<Double>)
        -> Double
    {
        var sum = 0.0
        for index in starts[i]..<starts[i + 1] {
            sum += Double(coefficients[(j - 1) * vectorCount + index]) * scratch[index]
        }
        for index in starts[j]..<starts[j + 1] {
            sum += Double(coefficients[i * vectorCount + index]) * scratch[index]
        }
        return sum + Double(rho[pair])
    }

    /// Platt's sigmoid of a decision, away from 0 and 1.
    private func calibrated(_ score: Double, _ pair: Int) -> Double {
        let share = 1 / (1 + exp(Double(a[pair]) * score + Double(b[pair])))
        return min(max(share, 1e-7), 1 - 1e-7)
    }

    /// Probabilities of classes from those of pairs: the second method of Wu, Lin, Weng,
    /// "Probability estimates for multi-class classification by pairwise coupling" (JMLR 2004), as
    /// libsvm iterates it.
    private func couple(_ scratch: inout MutableSpan<Double>, shares: Int) {
        let k = classCount
        let q = shares + k * k
        let p = q + k * k
        let qp = p + k
        func share(_ i: Int, _ j: Int) -> Int { shares + i * k + j }
        for i in 0..<k {
            scratch[p + i] = 1 / Double(k)
            var diagonal = 0.0
            for j in 0..<k where j != i {
                diagonal += scratch[share(j, i)] * scratch[share(j, i)]
                scratch[q + i * k + j] = -scratch[share(j, i)] * scratch[share(i, j)]
            }
            scratch[q + i * k + i] = diagonal
        }
        let enough = 0.005 / Double(k)
        for _ in 0..<100 {
            var pqp = 0.0
            for i in 0..<k {
                var sum = 0.0
                for j in 0..<k { sum += scratch[q + i * k + j] * scratch[p + j] }
                scratch[qp + i] = sum
                pqp += scratch[p + i] * sum
            }
            var worst = 0.0
            for i in 0..<k { worst = max(worst, abs(scratch[qp + i] - pqp)) }
            if worst < enough { break }
            for i in 0..<k {
                let diagonal = scratch[q + i * k + i]
                let change = (pqp - scratch[qp + i]) / diagonal
                scratch[p + i] += change
                pqp =
                    (pqp + change * (change * diagonal + 2 * scratch[qp + i]))
                    / (1 + change) / (1 + change)
                for j in 0..<k {
                    scratch[qp + j] =
                        (scratch[qp + j] + change * scratch[q + i * k + j]) / (1 + change)
                    scratch[p + j] /= 1 + change
                }
            }
        }
    }
}
