/// Filters of bytes for one channel each, ready for `KernelSet.depthwise`: a row of all channels for each
/// tap, less the zero points, filled up to a multiple of 16 channels.
public struct ByteRowFilters: Sendable {
    public let taps: Int
    public let channels: Int
    /// Whether products with unsigned bytes fit 16 bits; a last row then holds the sums over the taps.
    public let isNarrow: Bool
    public let values: [Int16]

    /// - Parameter filters: the taps of channel 0, then those of channel 1, and so on; -255 to 255.
    public init(_ filters: [Int], taps: Int, channels: Int) {
        precondition(filters.count == taps * channels, "a weight a tap and channel")
        self.taps = taps
        self.channels = channels
        isNarrow = taps <= 64 && filters.allSatisfy { $0.magnitude <= 128 }
        let wide = (channels + 15) / 16 * 16
        var rows = Array(repeating: Int16(0), count: (taps + (isNarrow ? 1 : 0)) * wide)
        for channel in 0..<channels {
            for tap in 0..<taps {
                let value = Int16(filters[channel * taps + tap])
                rows[tap * wide + channel] = value
                if isNarrow { rows[taps * wide + channel] += value }
            }
        }
        values = rows
    }
}
