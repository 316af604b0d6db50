import Models
import Primitives

/// Finds the row shapes of dynamic inputs in the first row of a JSON body.
struct JSONRowShapes {
    let signature: Signature
    let depthMax: Int

    func find(in body: Span<UInt8>) throws(DecodeRefusal) -> [[Int]] {
        let rowShapes = signature.inputs.map { signature.rowShape(of: $0) }
        if rowShapes.allSatisfy({ $0.allSatisfy { $0 >= 0 } }) { return rowShapes }
        var shapes = [[Int]?](repeating: nil, count: signature.inputs.count)
        do throws(JSONFault) {
            try look(body, &shapes)
        } catch {
            throw error.refusal(signature, columns: [], body: body)
        }
        var result: [[Int]] = []
        for (index, spec) in signature.inputs.enumerated() {
            result.append(
                try Self.settle(
                    rowShapes[index], found: shapes[index], name: spec.name,
                    elementsMax: body.count))
        }
        return result
    }

    /// The spec's row shape with the found one's dimensions where it has none. A shape with more
    /// elements than bytes in the body is ragged, and is refused before memory is made for it.
    static func settle(
        _ rowShape: [Int], found: [Int]?, name: String, elementsMax: Int
    ) throws(DecodeRefusal) -> [Int] {
        guard rowShape.contains(where: { $0 < 0 }) else { return rowShape }
        // The decoder will say what is missing; any shape does.
        guard var found else { return rowShape.map { max($0, 0) } }
        // A row of one element may be written without brackets.
        if found.isEmpty, rowShape.count == 1 { found = [1] }
        var shape = rowShape
        // Of an empty array the inner dimensions are not known.
        guard found.count == rowShape.count || (found.last == 0 && found.count < rowShape.count)
        else {
            throw DecodeRefusal(
                .invalidShape,
                "the first row of input '\(name)' has \(found.count) dimensions, "
                    + "the model takes \(rowShape.count)")
        }
        for index in shape.indices where shape[index] < 0 {
            shape[index] = index < found.count ? found[index] : 0
        }
        var elements = 1
        for dimension in shape {
            let (product, overflow) = elements.multipliedReportingOverflow(by: dimension)
            guard !overflow, product <= elementsMax else {
                throw DecodeRefusal(
                    .invalidShape,
                    "the first row of input '\(name)' is not as large as it is wide: "
                        + "its arrays differ in length")
            }
            elements = product
        }
        return shape
    }

    private func look(_ body: Span<UInt8>, _ shapes: inout [[Int]?]) throws(JSONFault) {
        var reader = JSONReader(body, depthMax: depthMax)
        switch try reader.kind() {
        case .array:
            if signature.batchDimension == .none, signature.inputs.count == 1 {
                shapes[0] = try measure(&reader)
            } else {
                try lookAtInstances(&reader, &shapes)
            }
        case .object:
            try reader.enterMembers()
            while try reader.goToMember() {
                let isInstances = reader.isKey("instances")
                guard isInstances || reader.isKey("inputs") else {
                    try reader.skip()
                    continue
                }
                do throws(JSONFault) {
                    return isInstances
                        ? try lookAtInstances(&reader, &shapes) : try lookAtInputs(&reader, &shapes)
                } catch {
                    throw error.under(isInstances ? .instances : .inputs)
                }
            }
            throw JSONFault(.noRoot, offset: reader.offset)
        case .null, .boolean, .number, .string:
            throw JSONFault(.notABody(try reader.kind()), offset: reader.offset)
        }
    }

    private func lookAtInstances(
        _ reader: inout JSONReader, _ shapes: inout [[Int]?]
    ) throws(JSONFault) {
        let kind = try reader.kind()
        guard kind == .array else { throw JSONFault(.notRows(kind), offset: reader.offset) }
        try reader.enter(dimension: 0)
        guard try reader.goToElement() else { throw JSONFault(.noRows, offset: reader.offset) }
        do throws(JSONFault) {
            if try reader.kind() == .object {
                try lookAtMembers(&reader, &shapes, areRows: true)
            } else if shapes.count == 1 {
                shapes[0] = try measure(&reader)
            }
        } catch {
            throw error.inside(0)
        }
    }

    private func lookAtInputs(
        _ reader: inout JSONReader, _ shapes: inout [[Int]?]
    ) throws(JSONFault) {
        let areRows = signature.batchDimension == .none
        if try reader.kind() == .object {
            try lookAtMembers(&reader, &shapes, areRows: areRows)
        } else if shapes.count == 1 {
            shapes[0] = areRows ? try measure(&reader) : try measureFirst(&reader)
        }
    }

    /// Measures each named input: the value itself when members are of one row, else its first
    /// element.
    private func lookAtMembers(
        _ reader: inout JSONReader, _ shapes: inout [[Int]?], areRows: Bool
    ) throws(JSONFault) {
        try reader.enterMembers()
        while try reader.goToMember() {
            guard
                let input = signature.inputs.firstIndex(where: { [name = reader.keyString()] in
                    $0.name == name
                })
            else {
                try reader.skip()
                continue
            }
            do throws(JSONFault) {
                shapes[input] = areRows ? try measure(&reader) : try measureFirst(&reader)
            } catch {
                throw error.named(input)
            }
        }
    }

    /// The shape of the first element; the others are only skipped.
    private func measureFirst(_ reader: inout JSONReader) throws(JSONFault) -> [Int]? {
        let kind = try reader.kind()
        guard kind == .array else { throw JSONFault(.notRows(kind), offset: reader.offset) }
        try reader.enter(dimension: 0)
        var shape: [Int]?
        var row = 0
        while try reader.goToElement() {
            do throws(JSONFault) {
                if row == 0 { shape = try measure(&reader) } else { try reader.skip() }
            } catch {
                throw error.inside(row)
            }
            row += 1
        }
        return shape
    }

    /// The shape of nested arrays, following the first element of each.
    private func measure(_ reader: inout JSONReader) throws(JSONFault) -> [Int] {
        guard try reader.kind() == .array else {
            try reader.skip()
            return []
        }
        try reader.enter(dimension: 0)
        var count = 0
        var inner: [Int] = []
        while try reader.goToElement() {
            do throws(JSONFault) {
                if count == 0 { inner = try measure(&reader) } else { try reader.skip() }
            } catch {
                throw error.inside(count)
            }
            count += 1
        }
        return [count] + inner
    }
}
