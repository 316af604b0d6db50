import Models
import Primitives

/// What is wrong in a JSON body, and where: a trivial value that is thrown through the levels of
/// nesting, each of which adds its index. Only at the top it becomes a sentence.
struct JSONFault: Error {
    enum Kind {
        /// The text is no JSON.
        case text(JSONError.Kind)
        /// A value of the wrong kind at this depth of the row's shape.
        case type(found: JSONKind, dimension: Int)
        /// An array with too few or too many elements.
        case count(found: Int, dimension: Int)
        case outOfRange
        case fraction
        case missingInput(Int)
        case unknownInput
        case repeatedInput
        case notAnObject(JSONKind)
        case tooManyRows(max: Int)
        case noRows
        /// A column of `inputs` with another number of rows than the columns before it.
        case rows(found: Int, expected: Int)
        case tooManyInstances
        /// Not an array where rows belong.
        case notRows(JSONKind)
        /// The body is neither an object nor an array.
        case notABody(JSONKind)
        /// The body's object has neither `instances` nor `inputs`, or has more than one of them.
        case noRoot
        case twoRoots
        /// A category that the model does not know, of this feature.
        case unknownCategory(Int)
    }

    /// Where the values come from.
    enum Root {
        case body, instances, inputs
    }

    var kind: Kind
    var offset: Int
    var root = Root.body
    /// The input a value belongs to, and whether its name is part of the place.
    var input = 0
    var isNamed = false
    /// The feature of a row with names, or -1.
    var feature = -1
    /// The indices from the innermost one outwards; those past the capacity are left out.
    private var indices = [12 of Int](repeating: 0)
    private var indexCount = 0

    init(_ kind: Kind, offset: Int) {
        self.kind = kind
        self.offset = offset
    }

    /// What an error of the reader means for a value at this depth of the row's shape.
    @inline(never)
    init(_ error: JSONError, _ reader: borrowing JSONReader, dimension: Int) {
        offset = error.offset
        kind = .text(error.kind)
        switch error.kind {
        case .expectedArray, .expectedNumber, .expectedBoolean, .expectedString:
            var ahead = copy reader
            do throws(JSONError) {
                kind = .type(found: try ahead.peek(), dimension: dimension)
            } catch {
                kind = .text(error.kind)
            }
        case .numberOutOfRange: kind = .outOfRange
        case .expectedInteger: kind = .fraction
        case .endOfText, .expectedValue, .expectedObject, .expectedNull, .expectedKey,
            .expectedKeyOrBrace, .expectedColon, .expectedCommaOrBracket, .expectedCommaOrBrace,
            .unknownLiteral, .malformedNumber, .malformedEscape, .unpairedSurrogate, .malformedUTF8,
            .controlCharacter, .tooDeep, .trailingText, .duplicateKey:
            break
        }
    }

    init(_ error: JSONError) { self.init(.text(error.kind), offset: error.offset) }

    /// An array with more elements than fit: counts the rest, so that the message can say it.
    @inline(never)
    static func surplus(_ reader: inout JSONReader, count: Int, dimension: Int) -> JSONFault {
        var found = count + 1
        do throws(JSONError) {
            try reader.skipValue()
            while try reader.nextElement() {
                try reader.skipValue()
                found += 1
            }
        } catch {
            return JSONFault(error)
        }
        return JSONFault(.count(found: found, dimension: dimension), offset: reader.offset)
    }

    /// The same fault, seen from the array around it.
    @inline(never)
    func inside(_ index: Int) -> JSONFault {
        var fault = self
        if indexCount < indices.count {
            fault.indices[indexCount] = index
            fault.indexCount += 1
        }
        return fault
    }

    /// The same fault, in an input that the body names.
    @inline(never)
    func named(_ input: Int) -> JSONFault {
        var fault = self
        fault.input = input
        fault.isNamed = true
        return fault
    }

    /// The same fault, in a feature that the body names.
    func ofFeature(_ feature: Int) -> JSONFault {
        var fault = self
        fault.feature = feature
        fault.isNamed = true
        return fault
    }

    /// The same fault, under this key of the body.
    func under(_ root: Root) -> JSONFault {
        var fault = self
        fault.root = root
        return fault
    }

    /// `instances[3].age[0]`
    func place(_ signature: Signature) -> String {
        var text =
            switch root {
            case .body: "body"
            case .instances: "instances"
            case .inputs: "inputs"
            }
        var name = isNamed ? "." + signature.inputs[input].name : ""
        if feature >= 0, let features = signature.inputs[input].features {
            name = "." + features.names[feature]
        }
        if root == .inputs { text += name }
        for position in 0..<indexCount {
            text += "[\(indices[indexCount - 1 - position])]"
            if position == 0, root != .inputs { text += name }
        }
        return text
    }
}
