import Kernels
import Primitives

/// 8-bit filters made ready once.
struct ByteFilters: Sendable {
    enum Method: Sendable {
        /// A filter a channel.
        case depthwise(ByteRowFilters)
        /// A matrix a group; k runs over taps, then channels.
        case product([PackedBytes])
    }

    /// Filters, channels of a group, window.
    let shape: [Int]
    let groups: Int
    let method: Method

    /// - Parameter zeros: zero points, for all or one a filter, or none.
    init(
        _ weights: Tensor, zeros: [Int], groups: Int, _ attributes: WindowAttributes
    ) throws(OperatorFailure) {
        guard weights.dataType.isByte, weights.shape.count >= 3, weights.elementCount > 0,
            groups > 0, weights.shape[0] % groups == 0
        else { throw OperatorFailure("its filters must be constant bytes") }
        shape = weights.shape
        self.groups = groups
        let (filters, channels) = (shape[0], shape[1])
        let taps = shape[2...].reduce(1, *)
        if channels == 1, filters == groups {
            guard let values = weights.wholeNumbers else {
                throw OperatorFailure("its filters must be constant bytes")
            }
            let centered = values.enumerated().map { place, value in
                value - (zeros.isEmpty ? 0 : zeros[zeros.count == 1 ? 0 : place / taps])
            }
            method = .depthwise(ByteRowFilters(centered, taps: taps, channels: filters))
            return
        }
        // Neighbouring columns of a window lie in one run when nothing is between them; as
        // `ConvRowsPlan` has it.
        let joined =
            groups == 1 && (attributes.dilations?.last ?? 1) == 1 ? shape[shape.count - 1] : 1
        let source = weights.array(as: UInt8.self)
        let own = filters / groups
        let k = channels * taps
        method = .product(
            (0..<groups).map { group in
                var rows = Array(repeating: UInt8(0), count: own * k)
                for filter in 0..<own {
                    let from = (group * own + filter) * k
                    for channel in 0..<channels {
                        for tap in 0..<taps {
                            rows[filter * k + tap * channels + channel] =
                                source[from + channel * taps + tap]
                        }
                    }
                }
                return PackedBytes(
                    packing: rows.span, isSigned: weights.dataType == .int8, taps: taps / joined,
                    run: joined * channels, n: own,
                    zeros: zeros.count == filters && filters > 1
                        ? Array(zeros[group * own..<(group + 1) * own]) : zeros)
            })
    }
}
