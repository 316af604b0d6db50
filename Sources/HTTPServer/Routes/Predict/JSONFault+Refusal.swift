import Models
import Primitives

extension JSONFault {
    /// The answer to the client: the place, what is there, and what the model takes.
    @inline(never)
    func refusal(
        _ signature: Signature, columns: [TensorColumn], body: Span<UInt8>
    ) -> DecodeRefusal {
        let place = place(signature)
        switch kind {
        case .text(let kind): return textRefusal(kind, place)
        case .type(let found, let dimension):
            let takes = expectation(columns[input], dimension)
            let name = signature.inputs[input].name
            let isElement = dimension >= columns[input].rowShape.count
            let taker = isElement || isNamed ? "input '\(name)'" : "the model"
            return DecodeRefusal(
                .invalidType, "\(place) is \(found.phrase), \(taker) takes \(takes)")
        case .count(let found, let dimension):
            let column = columns[input]
            let taker = isNamed ? "input '\(signature.inputs[input].name)'" : "the model"
            let noun = noun(column, dimension, count: found)
            return DecodeRefusal(
                .invalidShape,
                "\(place) has \(found) \(noun), \(taker) takes \(column.rowShape[dimension])")
        case .outOfRange:
            let spec = signature.inputs[input]
            return DecodeRefusal(
                .outOfRange,
                "\(place) is out of the range of \(spec.dataType.name), which input '\(spec.name)' takes"
            )
        case .fraction:
            let spec = signature.inputs[input]
            return DecodeRefusal(
                .invalidType,
                "\(place) has a fraction, input '\(spec.name)' takes \(spec.dataType.name)")
        case .missingInput(let missing):
            return DecodeRefusal(
                .missingInput,
                "\(place) has no '\(signature.inputs[missing].name)', "
                    + "the model takes \(Self.list(signature))")
        case .unknownInput:
            return DecodeRefusal(
                .unknownInput,
                "\(place) has '\(key(in: body))', "
                    + "the model takes \(Self.list(signature))")
        case .unknownCategory(let feature):
            let features = signature.inputs[input].features
            let known = features?.categories[feature].prefix(12).map { "'\($0.excerpt())'" } ?? []
            let more = (features?.categories[feature].count ?? 0) - known.count
            return DecodeRefusal(
                .invalidType,
                "\(place) is no category that the model knows; it knows "
                    + known.joined(separator: ", ") + (more > 0 ? " and \(more) more" : ""))
        case .repeatedInput:
            return DecodeRefusal(.invalidJSON, "\(place) has '\(key(in: body))' twice")
        case .notAnObject(let found):
            return DecodeRefusal(
                .invalidType,
                "\(place) is \(found.phrase), "
                    + "the model takes an object with \(Self.list(signature))")
        case .tooManyRows(let max):
            return DecodeRefusal(
                .tooManyRows, "\(place) has more than \(max) rows, the most a request may have")
        case .noRows: return DecodeRefusal(.invalidShape, "\(place) has no rows")
        case .rows(let found, let expected):
            return DecodeRefusal(
                .invalidShape, "\(place) has \(found) rows, the columns before it have \(expected)")
        case .tooManyInstances:
            return DecodeRefusal(
                .invalidShape,
                "\(place) is one too many: the model takes whole tensors, one a request")
        case .notRows(let found):
            return DecodeRefusal(.invalidType, "\(place) is \(found.phrase), not an array of rows")
        case .notABody(let found):
            return DecodeRefusal(
                .invalidJSON,
                "the body is \(found.phrase), not an object with 'instances' or 'inputs'")
        case .noRoot:
            return DecodeRefusal(.missingInput, "the body has neither 'instances' nor 'inputs'")
        case .twoRoots:
            return DecodeRefusal(
                .invalidJSON, "the body has more than one of 'instances' and 'inputs'")
        }
    }

    private func textRefusal(_ kind: JSONError.Kind, _ place: String) -> DecodeRefusal {
        let detail = JSONError(kind, offset: offset).message
        guard kind != .endOfText else {
            let name =
                switch root {
                case .body: "the body"
                case .instances: "instances"
                case .inputs: "inputs"
                }
            return DecodeRefusal(.invalidJSON, "\(name) is not closed: \(detail)")
        }
        var refusal = DecodeRefusal(.invalidJSON, "\(place): \(detail)")
        refusal.isTooDeep = kind == .tooDeep
        return refusal
    }

    /// What a row has at this depth: `float32`, or `an array of 4 numbers`.
    private func expectation(_ column: TensorColumn, _ dimension: Int) -> String {
        guard dimension < column.rowShape.count else { return column.spec.dataType.name }
        let count = column.rowShape[dimension]
        return "an array of \(count) \(noun(column, dimension, count: count))"
    }

    private func noun(_ column: TensorColumn, _ dimension: Int, count: Int) -> String {
        let isInner = dimension == column.rowShape.count - 1
        let noun =
            switch column.spec.dataType {
            case _ where !isInner: "array"
            case .string: "string"
            case .bool: "boolean"
            case .float32, .float64, .float16, .bfloat16, .int8, .int16, .int32, .int64, .uint8,
                .uint16, .uint32, .uint64:
                "number"
            }
        return count == 1 ? noun : noun + "s"
    }

    /// The key that starts at the fault's offset, cut where it gets long.
    private func key(in body: Span<UInt8>) -> String {
        var reader = JSONReader(body.extracting(offset...))
        return ((try? reader.readString()) ?? "").excerpt()
    }

    static func list(_ signature: Signature) -> String {
        var all = signature.inputs.map(\.name)
        if all.count == 1, let features = signature.inputs[0].features { all = features.names }
        let names = all.prefix(12).map { "'\($0.excerpt())'" }
        let more = all.count - names.count
        return names.joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
    }
}
