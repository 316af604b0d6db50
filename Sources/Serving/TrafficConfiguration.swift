import Primitives

/// Which versions of a model are served, and which requests get which: the part of model.json that
/// changes nothing about a version that is loaded.
public struct TrafficConfiguration: Sendable, Equatable {
    public var policy = VersionPolicy.all
    /// The version, or label, that a request without either gets; nil: the newest that is ready and no
    /// canary and no shadow.
    public var defaultVersion: String?
    /// Labels and the versions they are to stand at.
    public var labels: [(label: String, version: String)] = []
    public var canary: CanaryConfiguration?
    public var shadow: ShadowConfiguration?
    /// Whether the server is ready only when this model is.
    public var isRequired = false

    public init() {}

    public static func == (left: TrafficConfiguration, right: TrafficConfiguration) -> Bool {
        left.policy == right.policy && left.defaultVersion == right.defaultVersion
            && left.labels.elementsEqual(right.labels, by: ==) && left.canary == right.canary
            && left.shadow == right.shadow && left.isRequired == right.isRequired
    }

    mutating func readLabels(
        _ value: JSONValue, _ place: ModelConfiguration.Place
    ) throws(ConfigurationError) {
        labels = []
        let members = try ModelConfiguration.members(value, place)
        guard members.count <= Limits.standard.versionLabelsMax else {
            throw place.error("more than \(Limits.standard.versionLabelsMax) labels")
        }
        for member in members {
            let inner = place.inside(member.key)
            guard VersionName.isLabel(member.key) else {
                throw inner.error(
                    "a label is letters, digits, '.', '_' and '-', not digits alone, 128 at most")
            }
            guard let version = member.value.text, VersionName.isVersion(version) else {
                throw inner.error("expected a version's number as text, such as \"3\"")
            }
            labels.append((member.key, version))
        }
    }
}

/// A share of the traffic without version and label that gets another version, answers and all.
public struct CanaryConfiguration: Sendable, Equatable {
    /// A version or a label.
    public var version: String
    /// From 0 to 1.
    public var share: Double
    /// In lower case: requests with the same value of this field get the same version, and one that is
    /// in at a share stays in at a larger one.
    public var stickyHeader: String?

    public init(version: String, share: Double, stickyHeader: String? = nil) {
        self.version = version
        self.share = share
        self.stickyHeader = stickyHeader
    }

    init(_ value: JSONValue, _ place: ModelConfiguration.Place) throws(ConfigurationError) {
        var version: String?
        var share: Double?
        var header: String?
        for member in try ModelConfiguration.members(value, place) {
            let inner = place.inside(member.key)
            switch member.key {
            case "version": version = try inner.versionOrLabel(member.value)
            case "share": share = try inner.share(member.value)
            case "sticky_header": header = try inner.fieldName(member.value)
            default: throw inner.error("unknown key; known here: version, share, sticky_header")
            }
        }
        guard let version else { throw place.inside("version").error("is missing") }
        guard let share else { throw place.inside("share").error("is missing") }
        self.init(version: version, share: share, stickyHeader: header)
    }
}

/// A share of the traffic that is also given to another version, whose answers are only compared.
public struct ShadowConfiguration: Sendable, Equatable {
    /// A version or a label.
    public var version: String
    /// From 0 to 1, of all requests the model's other versions answer.
    public var share: Double

    public init(version: String, share: Double = 1) {
        self.version = version
        self.share = share
    }

    init(_ value: JSONValue, _ place: ModelConfiguration.Place) throws(ConfigurationError) {
        var version: String?
        var share = 1.0
        for member in try ModelConfiguration.members(value, place) {
            let inner = place.inside(member.key)
            switch member.key {
            case "version": version = try inner.versionOrLabel(member.value)
            case "share": share = try inner.share(member.value)
            default: throw inner.error("unknown key; known here: version, share")
            }
        }
        guard let version else { throw place.inside("version").error("is missing") }
        self.init(version: version, share: share)
    }
}

/// What the first runs of a version are made with, before any client waits for it.
public struct WarmUpConfiguration: Sendable, Equatable {
    /// Instances as a client would send them, repeated to fill a batch; empty: zeros, then ones.
    public var samples: [JSONValue] = []
    /// When the first runs end, done or not.
    public var seconds = 10

    public init() {}

    mutating func read(
        _ value: JSONValue, _ place: ModelConfiguration.Place
    ) throws(ConfigurationError) {
        for member in try ModelConfiguration.members(value, place) {
            let inner = place.inside(member.key)
            switch member.key {
            case "samples":
                guard let elements = member.value.elements, !elements.isEmpty,
                    elements.count <= Limits.standard.warmUpSamplesMax
                else {
                    throw inner.error(
                        "expected an array of 1 to \(Limits.standard.warmUpSamplesMax) instances")
                }
                samples = elements
            case "seconds": seconds = try ModelConfiguration.count(member.value, 1...3600, inner)
            default: throw inner.error("unknown key; known here: samples, seconds")
            }
        }
    }
}

extension VersionPolicy {
    init(_ value: JSONValue, _ place: ModelConfiguration.Place) throws(ConfigurationError) {
        let expected = "expected \"all\", {\"latest\": N} or {\"listed\": [\"1\", …]}"
        if value.text == "all" {
            self = .all
            return
        }
        guard let members = value.members, members.count == 1 else { throw place.error(expected) }
        let inner = place.inside(members[0].key)
        switch members[0].key {
        case "latest":
            self = .latest(try ModelConfiguration.count(members[0].value, 1...1_000, inner))
        case "listed":
            guard let elements = members[0].value.elements, !elements.isEmpty else {
                throw inner.error("expected an array with at least one version")
            }
            var versions: [String] = []
            for element in elements {
                guard let version = element.text, VersionName.isVersion(version) else {
                    throw inner.error("expected versions' numbers as text, such as \"3\"")
                }
                versions.append(version)
            }
            self = .listed(versions)
        default: throw place.error(expected)
        }
    }
}

extension ModelConfiguration.Place {
    func versionOrLabel(_ value: JSONValue) throws(ConfigurationError) -> String {
        guard let text = value.text, VersionName.isVersion(text) || VersionName.isLabel(text) else {
            throw error("expected a version's number as text, such as \"3\", or a label")
        }
        return text
    }

    func boolean(_ value: JSONValue) throws(ConfigurationError) -> Bool {
        guard let boolean = value.boolean else { throw error("expected true or false") }
        return boolean
    }

    func share(_ value: JSONValue) throws(ConfigurationError) -> Double {
        guard let number = value.number, number >= 0, number <= 1 else {
            throw error("expected a number from 0 to 1")
        }
        return number
    }

    /// A header field's name (RFC 9110 section 5.1), in lower case.
    func fieldName(_ value: JSONValue) throws(ConfigurationError) -> String {
        let special = Set("!#$%&'*+-.^_`|~".utf8)
        guard let text = value.text, (1...128).contains(text.utf8.count),
            text.utf8.allSatisfy({ byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                default: special.contains(byte)
                }
            })
        else { throw error("expected the name of a header field") }
        return text.lowercased()
    }
}
