/// What versions and labels may be called. The two never look alike.
public enum VersionName {
    /// A number as a folder is named: digits without zeros in front, 19 at most.
    public static func isVersion(_ text: String) -> Bool {
        let utf8 = text.utf8
        return (1...19).contains(utf8.count) && utf8.allSatisfy { (0x30...0x39).contains($0) }
            && (utf8.count == 1 || utf8.first != 0x30)
    }

    /// A name as models have, with something else than digits in it.
    public static func isLabel(_ text: String) -> Bool {
        ModelsFolder.isName(text) && !text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }

    /// Versions in the order of their numbers.
    public static func sorted(_ versions: [String]) -> [String] {
        versions.sorted { isBefore($0, $1) }
    }

    /// Whether the first version's number is the lower one.
    static func isBefore(_ first: String, _ second: String) -> Bool {
        first.utf8.count == second.utf8.count
            ? first < second : first.utf8.count < second.utf8.count
    }
}
