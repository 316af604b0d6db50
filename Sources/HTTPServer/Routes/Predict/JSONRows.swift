import Models
import Primitives

/// Reads the rows of one JSON body into columns.
struct JSONRows {
    let signature: Signature
    let columns: [TensorColumn]
    let firstRow: Int
    let limits: Limits
    let scratch: DecoderScratch
    /// Whether columns that the model does not have are passed over.
    let ignoresUnknown: Bool

    /// The number of rows of the whole body.
    func decode(_ body: Span<UInt8>) throws(JSONFault) -> Int {
        var reader = JSONReader(body, depthMax: limits.jsonDepthMax)
        let rows: Int
        switch try reader.kind() {
        case .array:
            if takesWholeTensors, columns.count == 1 {
                try readCell(&reader, input: 0, row: 0)
                rows = 1
            } else {
                rows = try readInstances(&reader)
            }
        case .object: rows = try readBody(&reader)
        case .null, .boolean, .number, .string:
            throw JSONFault(.notABody(try reader.kind()), offset: reader.offset)
        }
        try reader.goToEnd()
        return rows
    }

    private var takesWholeTensors: Bool { signature.batchDimension == .none }

    private func readBody(_ reader: inout JSONReader) throws(JSONFault) -> Int {
        var rows: Int?
        try reader.enterMembers()
        while try reader.goToMember() {
            let isInstances = reader.isKey("instances")
            guard isInstances || reader.isKey("inputs") else {
                try reader.skip()
                continue
            }
            guard rows == nil else { throw JSONFault(.twoRoots, offset: reader.keyOffset) }
            do throws(JSONFault) {
                rows = isInstances ? try readInstances(&reader) : try readInputs(&reader)
            } catch {
                throw error.under(isInstances ? .instances : .inputs)
            }
        }
        guard let rows else { throw JSONFault(.noRoot, offset: reader.offset) }
        return rows
    }

    // MARK: Rows

    private func readInstances(_ reader: inout JSONReader) throws(JSONFault) -> Int {
        guard columns.count == 1, !startsWithObject(reader) else {
            return try readObjects(&reader)
        }
        return try readColumn(&reader, input: 0)
    }

    private func startsWithObject(_ reader: borrowing JSONReader) -> Bool {
        var ahead = copy reader
        do throws(JSONError) {
            try ahead.enterArray()
            guard try ahead.nextElement() else { return false }
            return try ahead.peek() == .object
        } catch {
            return false
        }
    }

    private func readObjects(_ reader: inout JSONReader) throws(JSONFault) -> Int {
        if let features = namedFeatures { return try readFrame(&reader, features) }
        try enterRows(&reader)
        scratch.forgetInputs(columns.count)
        var row = 0
        while try reader.goToElement() {
            try checkRoom(row, reader)
            for column in columns { column.reserve(rows: firstRow + row + 1) }
            do throws(JSONFault) {
                try readMembers(&reader, row: row)
            } catch {
                throw error.inside(row)
            }
            row += 1
        }
        guard row > 0 else { throw JSONFault(.noRows, offset: reader.offset) }
        return row
    }

    /// Reads `{"age": …, "city": …}`: every input once, in any order.
    private func readMembers(_ reader: inout JSONReader, row: Int) throws(JSONFault) {
        let kind = try reader.kind()
        guard kind == .object else { throw JSONFault(.notAnObject(kind), offset: reader.offset) }
        try reader.enterMembers()
        var expected = 0
        var count = 0
        while try reader.goToMember() {
            guard let input = try takeInput(reader, expected: expected, row: row) else {
                try reader.skip()
                continue
            }
            do throws(JSONFault) {
                try readCell(&reader, input: input, row: row)
            } catch {
                throw error.named(input)
            }
            expected = input + 1
            count += 1
        }
        if count < columns.count { throw missingInput(row: row, reader) }
    }

    /// The input that the key read last names; nil when it names none and may be passed over. Clients mostly keep one order, so the one after the
    /// last is tried first.
    private func takeInput(
        _ reader: borrowing JSONReader, expected: Int, row: Int
    ) throws(JSONFault) -> Int? {
        var found: Int?
        if expected < columns.count, reader.isKey(columns[expected].spec.name) {
            found = expected
        } else {
            for index in columns.indices where reader.isKey(columns[index].spec.name) {
                found = index
                break
            }
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

    private func missingInput(row: Int, _ reader: borrowing JSONReader) -> JSONFault {
        let missing = scratch.lastSeen.firstIndex { $0 != row + 1 } ?? 0
        return JSONFault(.missingInput(missing), offset: reader.offset)
    }

    func enterRows(_ reader: inout JSONReader) throws(JSONFault) {
        let kind = try reader.kind()
        guard kind == .array else { throw JSONFault(.notRows(kind), offset: reader.offset) }
        try reader.enter(dimension: 0)
    }

    func checkRoom(_ row: Int, _ reader: borrowing JSONReader) throws(JSONFault) {
        if row >= limits.requestRowsMax {
            throw JSONFault(.tooManyRows(max: limits.requestRowsMax), offset: reader.offset)
        }
        if row > 0, takesWholeTensors {
            throw JSONFault(.tooManyInstances, offset: reader.offset).inside(row)
        }
    }

    // MARK: Columns

    private func readInputs(_ reader: inout JSONReader) throws(JSONFault) -> Int {
        let kind = try reader.kind()
        if kind != .object {
            guard columns.count == 1 else {
                throw JSONFault(.notAnObject(kind), offset: reader.offset)
            }
            return try readTensor(&reader, input: 0)
        }
        if let features = namedFeatures, !startsWithInput(reader, features) {
            return try readFrameColumns(&reader, features)
        }
        scratch.forgetInputs(columns.count)
        var rows: Int?
        var expected = 0
        var count = 0
        try reader.enterMembers()
        while try reader.goToMember() {
            guard let input = try takeInput(reader, expected: expected, row: 0) else {
                try reader.skip()
                continue
            }
            do throws(JSONFault) {
                let found = try readTensor(&reader, input: input)
                if let rows, rows != found {
                    throw JSONFault(.rows(found: found, expected: rows), offset: reader.offset)
                }
                rows = found
            } catch {
                throw error.named(input)
            }
            expected = input + 1
            count += 1
        }
        guard count == columns.count, let rows else { throw missingInput(row: 0, reader) }
        return rows
    }

    private func readTensor(_ reader: inout JSONReader, input: Int) throws(JSONFault) -> Int {
        guard takesWholeTensors else { return try readColumn(&reader, input: input) }
        try readCell(&reader, input: input, row: 0)
        return 1
    }

    /// Reads rows of one input and returns how many.
    private func readColumn(_ reader: inout JSONReader, input: Int) throws(JSONFault) -> Int {
        try enterRows(&reader)
        let column = columns[input]
        switch column.spec.dataType {
        case .float32 where column.spec.features != nil:
            return try readRows(&reader, column, of: FeatureLeaf<Float>.self)
        case .float64 where column.spec.features != nil:
            return try readRows(&reader, column, of: FeatureLeaf<Double>.self)
        case .float32: return try readRows(&reader, column, of: Float.self)
        case .float64: return try readRows(&reader, column, of: Double.self)
        case .float16: return try readRows(&reader, column, of: Float16.self)
        case .bfloat16: return try readRows(&reader, column, of: BrainFloat.self)
        case .int8: return try readRows(&reader, column, of: Int8.self)
        case .int16: return try readRows(&reader, column, of: Int16.self)
        case .int32: return try readRows(&reader, column, of: Int32.self)
        case .int64: return try readRows(&reader, column, of: Int64.self)
        case .uint8: return try readRows(&reader, column, of: UInt8.self)
        case .uint16: return try readRows(&reader, column, of: UInt16.self)
        case .uint32: return try readRows(&reader, column, of: UInt32.self)
        case .uint64: return try readRows(&reader, column, of: UInt64.self)
        case .bool: return try readRows(&reader, column, of: BooleanByte.self)
        case .string: return try readRows(&reader, column, of: StringLeaf.self)
        }
    }

    private func readRows<T: LeafReader>(
        _ reader: inout JSONReader, _ column: TensorColumn, of type: T.Type
    ) throws(JSONFault) -> Int {
        var row = 0
        while try reader.goToElement() {
            try checkRoom(row, reader)
            column.reserve(rows: firstRow + row + 1)
            do throws(JSONFault) {
                try T.readRow(&reader, into: column, row: firstRow + row)
            } catch {
                throw error.inside(row)
            }
            row += 1
        }
        guard row > 0 else { throw JSONFault(.noRows, offset: reader.offset) }
        return row
    }

    /// Reads one row of one input.
    func readCell(
        _ reader: inout JSONReader, input: Int, row: Int
    ) throws(JSONFault) {
        let column = columns[input]
        let row = firstRow + row
        column.reserve(rows: row + 1)
        switch column.spec.dataType {
        case .float32 where column.spec.features != nil:
            try FeatureLeaf<Float>.readRow(&reader, into: column, row: row)
        case .float64 where column.spec.features != nil:
            try FeatureLeaf<Double>.readRow(&reader, into: column, row: row)
        case .float32: try Float.readRow(&reader, into: column, row: row)
        case .float64: try Double.readRow(&reader, into: column, row: row)
        case .float16: try Float16.readRow(&reader, into: column, row: row)
        case .bfloat16: try BrainFloat.readRow(&reader, into: column, row: row)
        case .int8: try Int8.readRow(&reader, into: column, row: row)
        case .int16: try Int16.readRow(&reader, into: column, row: row)
        case .int32: try Int32.readRow(&reader, into: column, row: row)
        case .int64: try Int64.readRow(&reader, into: column, row: row)
        case .uint8: try UInt8.readRow(&reader, into: column, row: row)
        case .uint16: try UInt16.readRow(&reader, into: column, row: row)
        case .uint32: try UInt32.readRow(&reader, into: column, row: row)
        case .uint64: try UInt64.readRow(&reader, into: column, row: row)
        case .bool: try BooleanByte.readRow(&reader, into: column, row: row)
        case .string: try StringLeaf.readRow(&reader, into: column, row: row)
        }
    }
}
