/// Where a share of a model's unlabelled traffic goes instead of to the default version.
public struct CanaryRoute: Sendable {
    public let version: ModelVersion
    /// The field whose value keeps a client at one version, in lower case.
    public let stickyHeader: [UInt8]?
    /// Hashes below it go to the canary; `max` is a share of 1.
    private let threshold: UInt64
    private let seed: UInt64

    init(version: ModelVersion, _ configuration: CanaryConfiguration, seed: UInt64) {
        self.version = version
        stickyHeader = configuration.stickyHeader.map { Array($0.utf8) }
        threshold = ShareOfTraffic.threshold(configuration.share)
        self.seed = seed
    }

    /// Whether the requests with this value of the sticky field go to the canary: always the same, and
    /// still so at a larger share.
    public func takes(key: Span<UInt8>) -> Bool {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325 ^ seed
        for index in key.indices { hash = (hash ^ UInt64(key[index])) &* 0x100_0000_01b3 }
        return takes(random: ShareOfTraffic.mixed(hash))
    }

    /// Whether a request without a key goes to the canary; `random` is uniform.
    public func takes(random: UInt64) -> Bool {
        threshold == .max || random < threshold
    }
}

/// Where copies of a model's traffic go.
public struct ShadowRoute: Sendable {
    public let version: ModelVersion
    private let threshold: UInt64

    init(version: ModelVersion, share: Double) {
        self.version = version
        threshold = ShareOfTraffic.threshold(share)
    }

    /// Whether a request is copied; `random` is uniform.
    public func takes(random: UInt64) -> Bool {
        threshold == .max || random < threshold
    }
}

/// Shares as thresholds of uniform 64-bit numbers.
public enum ShareOfTraffic {
    /// What a share (0 to 1) of all 64-bit numbers is below.
    static func threshold(_ share: Double) -> UInt64 {
        share >= 1 ? .max : UInt64(max(share, 0) * 0x1p64)
    }

    /// Spreads a number over all 64 bits (the finalizer of SplitMix64: Steele, Lea and Flood, "Fast
    /// splittable pseudorandom number generators", 2014).
    public static func mixed(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
}
