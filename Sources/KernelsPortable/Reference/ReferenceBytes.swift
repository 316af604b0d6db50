import Primitives

// Products of quantized numbers, one after the other; what the kernels give bit for bit.
extension Reference {
    /// Σ (a − aZero) · (b − bZero of the column), wrapped to int32: m × k by n × k (a row a column).
    public static func byteSums(
        a: [Int], m: Int, k: Int, aZero: Int, b: [Int], n: Int, bZeros: [Int]
    ) -> [Int32] {
        var result: [Int32] = []
        for row in 0..<m {
            for column in 0..<n {
                var sum = 0
                for index in 0..<k {
                    let zero = bZeros.isEmpty ? 0 : bZeros[bZeros.count == 1 ? 0 : column]
                    sum += (a[row * k + index] - aZero) * (b[column * k + index] - zero)
                }
                result.append(Int32(truncatingIfNeeded: sum))
            }
        }
        return result
    }

    /// A number of units, rounded (halves to even), plus the zero point, held inside of a type's
    /// range; what is no number is the least.
    public static func quantized(_ units: Float, zero: Int, isSigned: Bool) -> Int {
        let (least, greatest) = isSigned ? (-128, 127) : (0, 255)
        if units.isNaN { return least }
        let rounded = Double(units.rounded(.toNearestOrEven)) + Double(zero)
        return Int(Swift.min(Swift.max(rounded, Double(least)), Double(greatest)))
    }
}
