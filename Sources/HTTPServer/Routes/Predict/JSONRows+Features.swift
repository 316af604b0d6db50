import Models
import Primitives

/// Frames: rows and columns that name the features of a model with one input.
extension JSONRows {
    /// The names of the features, where the model has one input that names them.
    var namedFeatures: FeatureList? {
        columns.count == 1 && columns[0].rowShape.count == 1 ? columns[0].spec.features : nil
    }

    /// Whether an object's first key is the input itself: `{"features": [[…], …]}`.
    func startsWithInput(_ reader: borrowing JSONReader, _ features: FeatureList) -> Bool {
        let name = columns[0].spec.name
        if features.names.contains(name) { return false }
        var ahead = copy reader
        do throws(JSONError) {
            try ahead.enterObject()
            return try ahead.nextKey() && ahead.isKey(name)
        } catch {
            return false
        }
    }

    /// Reads `[{"age": 41, "city": "Rome"}, …]`. What a row leaves out is missing.
    func readFrame(
        _ reader: inout JSONReader, _ features: FeatureList
    ) throws(JSONFault) -> Int {
        try enterRows(&reader)
        scratch.forgetInputs(features.names.count)
        var row = 0
        while try reader.goToElement() {
            try checkRoom(row, reader)
            columns[0].reserve(rows: firstRow + row + 1)
            do throws(JSONFault) {
                let kind = try reader.kind()
                guard kind == .object else {
                    throw JSONFault(.notAnObject(kind), offset: reader.offset)
                }
                if startsWithInput(reader, features) {
                    try readWholeRow(&reader, row: row)
                } else {
                    columns[0].fillMissing(row: firstRow + row)
                    try readFeatures(&reader, features, row: row)
                }
            } catch {
                throw error.inside(row)
            }
            row += 1
        }
        guard row > 0 else { throw JSONFault(.noRows, offset: reader.offset) }
        return row
    }

    /// Reads `{"features": […]}`.
    private func readWholeRow(_ reader: inout JSONReader, row: Int) throws(JSONFault) {
        try reader.enterMembers()
        var isFirst = true
        while try reader.goToMember() {
            guard reader.isKey(columns[0].spec.name) else {
                guard ignoresUnknown else {
                    throw JSONFault(.unknownInput, offset: reader.keyOffset)
                }
                try reader.skip()
                continue
            }
            guard isFirst else { throw JSONFault(.repeatedInput, offset: reader.keyOffset) }
            isFirst = false
            do throws(JSONFault) {
                try readCell(&reader, input: 0, row: row)
            } catch {
                throw error.named(0)
            }
        }
    }

    private func readFeatures(
        _ reader: inout JSONReader, _ features: FeatureList, row: Int
    ) throws(JSONFault) {
        try reader.enterMembers()
        var expected = 0
        while try reader.goToMember() {
            guard let feature = try takeFeature(reader, features, expected: expected, row: row)
            else {
                try reader.skip()
                continue
            }
            do throws(JSONFault) {
                try readValue(&reader, feature, row: row)
            } catch {
                throw error.ofFeature(feature)
            }
            expected = feature + 1
        }
    }

    /// Reads `{"age": [41, …], "city": ["Rome", …]}`. Columns that are left out are missing.
    func readFrameColumns(
        _ reader: inout JSONReader, _ features: FeatureList
    ) throws(JSONFault) -> Int {
        scratch.forgetInputs(features.names.count)
        var rows: Int?
        var expected = 0
        try reader.enterMembers()
        while try reader.goToMember() {
            guard let feature = try takeFeature(reader, features, expected: expected, row: 0)
            else {
                try reader.skip()
                continue
            }
            do throws(JSONFault) {
                let found = try readFeatureColumn(&reader, feature, isFirst: rows == nil)
                if let rows, rows != found {
                    throw JSONFault(.rows(found: found, expected: rows), offset: reader.offset)
                }
                rows = found
            } catch {
                throw error.ofFeature(feature)
            }
            expected = feature + 1
        }
        guard let rows, rows > 0 else { throw JSONFault(.noRows, offset: reader.offset) }
        return rows
    }

    private func readFeatureColumn(
        _ reader: inout JSONReader, _ feature: Int, isFirst: Bool
    ) throws(JSONFault) -> Int {
        try enterRows(&reader)
        var row = 0
        while try reader.goToElement() {
            try checkRoom(row, reader)
            columns[0].reserve(rows: firstRow + row + 1)
            if isFirst { columns[0].fillMissing(row: firstRow + row) }
            do throws(JSONFault) {
                try readValue(&reader, feature, row: row)
            } catch {
                throw error.inside(row)
            }
            row += 1
        }
        return row
    }

    private func readValue(
        _ reader: inout JSONReader, _ feature: Int, row: Int
    ) throws(JSONFault) {
        let column = columns[0]
        let index = (firstRow + row) * column.elementsPerRow + feature
        if column.spec.dataType == .float64 {
            try FeatureLeaf<Double>.readElement(&reader, into: column, index: index)
        } else {
            try FeatureLeaf<Float>.readElement(&reader, into: column, index: index)
        }
    }

    /// The feature that the key read last names; nil when it names none and may be passed over.
    /// Clients mostly keep one order, so the one after the last is tried first.
    private func takeFeature(
        _ reader: borrowing JSONReader, _ features: FeatureList, expected: Int, row: Int
    ) throws(JSONFault) -> Int? {
        var found: Int?
        if expected < features.names.count, reader.isKey(features.names[expected]) {
            found = expected
        } else {
            let key = Array(reader.keyString().utf8)
            found = features.index(of: key.span)
        }
        guard let found else {
            if ignoresUnknown { return nil }
            throw JSONFault(.unknownInput, offset: reader.keyOffset)
        }
        guard scratch.lastSeen[found] != row + 1 else {
            throw JSONFault(.repeatedInput, offset: reader.keyOffset)
        }
        scratch.lastSeen[found] = row + 1
        return found
    }
}

extension TensorColumn {
    /// Makes every value of a row missing.
    func fillMissing(row: Int) {
        let missing = spec.features?.missing ?? .nan
        if spec.dataType == .float64 {
            var values = mutableElements(
                from: row * elementsPerRow, count: elementsPerRow, as: Double.self)
            for index in values.indices { values[index] = missing }
        } else {
            var values = mutableElements(
                from: row * elementsPerRow, count: elementsPerRow, as: Float.self)
            for index in values.indices { values[index] = Float(missing) }
        }
    }
}
