/// Why a request body was refused: a code for programs, a sentence for people.
public struct DecodeRefusal: Error, Sendable, Equatable {
    public let code: RefusalCode
    public let message: String
    /// The text is nested deeper than `Limits.jsonDepthMax`.
    public var isTooDeep = false

    public init(_ code: RefusalCode, _ message: String) {
        self.code = code
        self.message = message
    }
}

/// The stable names of what can be wrong with a body. They are part of the API: never renamed.
public enum RefusalCode: String, Sendable, Equatable, CaseIterable {
    case invalidJSON = "invalid_json"
    case invalidCSV = "invalid_csv"
    case invalidNPY = "invalid_npy"
    /// A row has another shape than the model takes, or columns differ in their rows.
    case invalidShape = "invalid_shape"
    /// A string where a number belongs, a fraction where an integer belongs, …
    case invalidType = "invalid_type"
    /// A number that the input's dtype cannot hold.
    case outOfRange = "out_of_range"
    case missingInput = "missing_input"
    case unknownInput = "unknown_input"
    case tooManyRows = "too_many_rows"
    /// The format cannot carry what this model takes.
    case unsupportedFormat = "unsupported_format"
}

extension String {
    /// For messages: cut after `count` scalars. (A single character may have any number of them.)
    func excerpt(_ count: Int = 60) -> String {
        guard unicodeScalars.count > count else { return self }
        return String(unicodeScalars.prefix(count)) + "…"
    }
}
