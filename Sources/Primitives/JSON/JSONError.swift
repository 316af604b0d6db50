/// Why a JSON text was refused, and where.
///
/// A trivial value: throwing it allocates nothing. The sentence is made when it is asked for.
public struct JSONError: Error, Sendable, Equatable {
    public enum Kind: UInt8, Sendable, Equatable {
        /// The text ended inside a value.
        case endOfText
        case expectedValue
        case expectedArray
        case expectedObject
        case expectedString
        case expectedNumber
        case expectedInteger
        case expectedBoolean
        case expectedNull
        case expectedKey
        case expectedKeyOrBrace
        case expectedColon
        case expectedCommaOrBracket
        case expectedCommaOrBrace
        case unknownLiteral
        case malformedNumber
        case numberOutOfRange
        case malformedEscape
        case unpairedSurrogate
        case malformedUTF8
        case controlCharacter
        case tooDeep
        case trailingText
        case duplicateKey
    }

    public let kind: Kind
    /// The index of the byte where the reader stopped.
    public let offset: Int

    public init(_ kind: Kind, offset: Int) {
        self.kind = kind
        self.offset = offset
    }

    /// `byte 17: expected ',' or ']'`
    public var message: String { "byte \(offset): \(kind.sentence)" }
}

extension JSONError: CustomStringConvertible {
    public var description: String { message }
}

extension JSONError.Kind {
    /// What is wrong, without the place.
    public var sentence: String {
        switch self {
        case .endOfText: "the text ends inside a value"
        case .expectedValue: "expected a value"
        case .expectedArray: "expected '['"
        case .expectedObject: "expected '{'"
        case .expectedString: "expected a string"
        case .expectedNumber: "expected a number"
        case .expectedInteger: "expected an integer"
        case .expectedBoolean: "expected true or false"
        case .expectedNull: "expected null"
        case .expectedKey: "expected a key in quotes"
        case .expectedKeyOrBrace: "expected a key in quotes or '}'"
        case .expectedColon: "expected ':'"
        case .expectedCommaOrBracket: "expected ',' or ']'"
        case .expectedCommaOrBrace: "expected ',' or '}'"
        case .unknownLiteral: "expected a value (the only words are true, false and null)"
        case .malformedNumber: "malformed number"
        case .numberOutOfRange: "number out of range"
        case .malformedEscape: "malformed escape in a string"
        case .unpairedSurrogate: "unpaired surrogate in a string"
        case .malformedUTF8: "malformed UTF-8 in a string"
        case .controlCharacter: "a control character in a string must be escaped"
        case .tooDeep: "nested too deep"
        case .trailingText: "text after the end of the value"
        case .duplicateKey: "a key appears twice in one object"
        }
    }
}
