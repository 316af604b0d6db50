/// Decides when a change in a models folder is complete: at once for what came by a rename, which is
/// whole; else when nothing more happened to that model for a while. No I/O and no clock.
public struct ChangeSettler: Sendable {
    private let quietNanoseconds: UInt64
    /// When each changed model may be looked at.
    private var due: [String: UInt64] = [:]

    public init(quietNanoseconds: UInt64 = 1_000_000_000) {
        self.quietNanoseconds = quietNanoseconds
    }

    /// Something happened to a model. `isWhole`: it came, or went, in one step.
    public mutating func note(_ model: String, isWhole: Bool, now: UInt64) {
        due[model] = isWhole ? now : now + quietNanoseconds
    }

    /// The models whose change is complete, in order; they are forgotten until something happens again.
    public mutating func takeDue(now: UInt64) -> [String] {
        let names = due.filter { $0.value <= now }.keys.sorted()
        for name in names { due[name] = nil }
        return names
    }

    /// Forgets a model, whatever happened to it.
    public mutating func forget(_ model: String) { due[model] = nil }

    /// When the next change is complete, if nothing more happens; nil when nothing changed.
    public var next: UInt64? { due.values.min() }
}
