import Models
import Primitives

/// Reads values of a column out of JSON.
protocol LeafReader {
    /// Reads `[…]` of exactly `count` values into the elements from `start` on. `dimension` is that
    /// of the array in the row's shape, for messages.
    static func readElements(
        _ reader: inout JSONReader, into column: TensorColumn, start: Int, count: Int,
        dimension: Int
    ) throws(JSONFault)

    /// Reads one value.
    static func readElement(
        _ reader: inout JSONReader, into column: TensorColumn, index: Int
    ) throws(JSONFault)
}

extension LeafReader where Self: ColumnElement {
    static func readElements(
        _ reader: inout JSONReader, into column: TensorColumn, start: Int, count: Int,
        dimension: Int
    ) throws(JSONFault) {
        var values = column.mutableElements(from: start, count: count, as: Self.self)
        var index = 0
        try reader.enter(dimension: dimension)
        while try reader.goToElement() {
            guard index < count else {
                throw JSONFault.surplus(&reader, count: index, dimension: dimension)
            }
            do throws(JSONError) {
                values[index] = try read(&reader)
            } catch {
                throw JSONFault(error, reader, dimension: dimension + 1).inside(index)
            }
            index += 1
        }
        if index < count {
            throw JSONFault(.count(found: index, dimension: dimension), offset: reader.offset)
        }
    }

    static func readElement(
        _ reader: inout JSONReader, into column: TensorColumn, index: Int
    ) throws(JSONFault) {
        var values = column.mutableElements(from: index, count: 1, as: Self.self)
        do throws(JSONError) {
            values[0] = try read(&reader)
        } catch {
            throw JSONFault(error, reader, dimension: column.rowShape.count)
        }
    }
}

/// Reads strings. Each longer than 15 bytes is an allocation.
enum StringLeaf: LeafReader {
    static func readElements(
        _ reader: inout JSONReader, into column: TensorColumn, start: Int, count: Int,
        dimension: Int
    ) throws(JSONFault) {
        var index = 0
        try reader.enter(dimension: dimension)
        while try reader.goToElement() {
            guard index < count else {
                throw JSONFault.surplus(&reader, count: index, dimension: dimension)
            }
            do throws(JSONError) {
                column.strings[start + index] = try reader.readString()
            } catch {
                throw JSONFault(error, reader, dimension: dimension + 1).inside(index)
            }
            index += 1
        }
        if index < count {
            throw JSONFault(.count(found: index, dimension: dimension), offset: reader.offset)
        }
    }

    static func readElement(
        _ reader: inout JSONReader, into column: TensorColumn, index: Int
    ) throws(JSONFault) {
        do throws(JSONError) {
            column.strings[index] = try reader.readString()
        } catch {
            throw JSONFault(error, reader, dimension: column.rowShape.count)
        }
    }
}

extension LeafReader {
    /// Reads one row of a column, nested as deep as its shape. A row of one element may also be
    /// written without brackets.
    @inline(__always)
    static func readRow(
        _ reader: inout JSONReader, into column: TensorColumn, row: Int
    ) throws(JSONFault) {
        let count = column.elementsPerRow
        let rank = column.rowShape.count
        if rank == 1, count != 1 || reader.isAtArray() {
            return try readElements(
                &reader, into: column, start: row * count, count: count, dimension: 0)
        }
        if count == 1, rank == 0 || !reader.isAtArray() {
            return try readElement(&reader, into: column, index: row)
        }
        var start = row * count
        try readNested(&reader, into: column, start: &start, dimension: 0)
    }

    private static func readNested(
        _ reader: inout JSONReader, into column: TensorColumn, start: inout Int, dimension: Int
    ) throws(JSONFault) {
        let count = column.rowShape[dimension]
        if dimension == column.rowShape.count - 1 {
            try readElements(
                &reader, into: column, start: start, count: count, dimension: dimension)
            start += count
            return
        }
        var index = 0
        try reader.enter(dimension: dimension)
        while try reader.goToElement() {
            guard index < count else {
                throw JSONFault.surplus(&reader, count: index, dimension: dimension)
            }
            do throws(JSONFault) {
                try readNested(&reader, into: column, start: &start, dimension: dimension + 1)
            } catch {
                throw error.inside(index)
            }
            index += 1
        }
        if index < count {
            throw JSONFault(.count(found: index, dimension: dimension), offset: reader.offset)
        }
    }
}
