/// What an answer says to the browser about pages of another origin (Fetch, section 3.2.3).
public struct CrossOriginFields: Sendable, Equatable {
    /// The origin, or `*`: bytes that the policy keeps, so that a copy allocates nothing.
    public let allowOrigin: [UInt8]
    /// Never with `*`.
    public let allowsCredentials: Bool
    /// The fields a page may read, on an answer that is no preflight's.
    public internal(set) var exposeHeaders: StaticString?
    /// On a preflight's answer.
    public internal(set) var allowMethods: StaticString?
    public internal(set) var allowHeaders: StaticString?
    public internal(set) var maxAgeSeconds: Int?

    init(allowOrigin: [UInt8], allowsCredentials: Bool) {
        self.allowOrigin = allowOrigin
        self.allowsCredentials = allowsCredentials
    }

    public static func == (left: Self, right: Self) -> Bool {
        left.allowOrigin == right.allowOrigin && left.allowsCredentials == right.allowsCredentials
            && text(left.exposeHeaders) == text(right.exposeHeaders)
            && text(left.allowMethods) == text(right.allowMethods)
            && text(left.allowHeaders) == text(right.allowHeaders)
            && left.maxAgeSeconds == right.maxAgeSeconds
    }

    private static func text(_ text: StaticString?) -> String? {
        text.map(String.init(describing:))
    }
}
