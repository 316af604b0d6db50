import Glibc
import Primitives

extension Reference {
    /// softmax(q · kᵀ · scale + mask) · v as it is written down, in float64, for dense matrices.
    /// `openKeys` and `zeroesNaN` as in `AttentionBlock`.
    public static func attention(
        q: [Float], k: [Float], v: [Float], mask: [Float]?, queries: Int, keys: Int, width: Int,
        valueWidth: Int, scale: Float, openKeys: Int? = nil, zeroesNaN: Bool = false
    ) -> [Float] {
        var result: [Float] = []
        for query in 0..<queries {
            var scores: [Double] = []
            for key in 0..<keys {
                var sum = 0.0
                for column in 0..<width {
                    sum += Double(q[query * width + column]) * Double(k[key * width + column])
                }
                sum *= Double(scale)
                if let mask { sum += Double(mask[query * keys + key]) }
                if let openKeys, key >= openKeys + query { sum = -.infinity }
                scores.append(sum)
            }
            let top = scores.max() ?? 0
            var weights = scores.map { Glibc.exp($0 - top) }
            let total = weights.reduce(0, +)
            weights = weights.map { zeroesNaN && !(total > 0) ? 0 : $0 / total }
            for column in 0..<valueWidth {
                var sum = 0.0
                for key in 0..<keys { sum += weights[key] * Double(v[key * valueWidth + column]) }
                result.append(Float(sum))
            }
        }
        return result
    }
}
