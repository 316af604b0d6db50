import Primitives

/// The reader's steps with faults for errors.
extension JSONReader {
    /// Whether an array comes next.
    @inline(__always)
    mutating func isAtArray() -> Bool {
        do throws(JSONError) { return try peek() == .array } catch { return false }
    }

    mutating func kind() throws(JSONFault) -> JSONKind {
        do throws(JSONError) { return try peek() } catch { throw JSONFault(error) }
    }

    /// Enters the array at this depth of a row's shape.
    @inline(__always)
    mutating func enter(dimension: Int) throws(JSONFault) {
        do throws(JSONError) {
            try enterArray()
        } catch {
            throw JSONFault(error, copy self, dimension: dimension)
        }
    }

    @inline(__always)
    mutating func goToElement() throws(JSONFault) -> Bool {
        do throws(JSONError) { return try nextElement() } catch { throw JSONFault(error) }
    }

    mutating func enterMembers() throws(JSONFault) {
        do throws(JSONError) { try enterObject() } catch { throw JSONFault(error) }
    }

    mutating func goToMember() throws(JSONFault) -> Bool {
        do throws(JSONError) { return try nextKey() } catch { throw JSONFault(error) }
    }

    mutating func skip() throws(JSONFault) {
        do throws(JSONError) { try skipValue() } catch { throw JSONFault(error) }
    }

    mutating func goToEnd() throws(JSONFault) {
        do throws(JSONError) { try expectEnd() } catch { throw JSONFault(error) }
    }
}
