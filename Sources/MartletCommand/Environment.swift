import Glibc

/// Defaults from the environment: every flag `--name` of a command is also `MARTLET_NAME`.
enum Environment {
    /// The text of a variable; nil when it is unset or empty.
    static func text(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        let text = unsafe String(cString: value)
        return text.isEmpty ? nil : text
    }

    /// A whole number, or the default. A variable that is set to something else ends the process with a
    /// line that says so: a typo must not silently become a default.
    static func integer(_ name: String, default fallback: Int) -> Int {
        guard let text = text(name) else { return fallback }
        guard let value = Int(text) else {
            Exit.usage("\(name) is '\(text)', which is no whole number")
        }
        return value
    }
}
