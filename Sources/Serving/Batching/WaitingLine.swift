/// Requests in the order of their deadlines; equal ones in the order they came.
///
/// An array with a moving front: most requests come with the latest deadline and leave at the front,
/// so both cost O(1); another place costs a move of what stands behind it. Keeps its memory.
public struct WaitingLine: Sendable {
    private var storage: [WaitingRequest] = []
    private var front = 0
    /// Rows of all requests in it.
    public private(set) var rows = 0

    public init() {}

    public var count: Int { storage.count - front }
    public var isEmpty: Bool { front == storage.count }
    public var first: WaitingRequest? { isEmpty ? nil : storage[front] }

    /// The request at a place, 0 the first.
    public subscript(index: Int) -> WaitingRequest { storage[front + index] }

    public mutating func insert(_ request: WaitingRequest) {
        rows += request.rows
        guard let last = storage.last, front < storage.count, last.deadline > request.deadline
        else {
            storage.append(request)
            return
        }
        var low = front
        var high = storage.count
        while low < high {
            let middle = (low + high) / 2
            if storage[middle].deadline <= request.deadline {
                low = middle + 1
            } else {
                high = middle
            }
        }
        if low == front, front > 0 {
            front -= 1
            storage[front] = request
        } else {
            storage.insert(request, at: low)
        }
    }

    public mutating func removeFirst() -> WaitingRequest {
        precondition(!isEmpty, "something waits")
        let request = storage[front]
        front += 1
        rows -= request.rows
        compact()
        return request
    }

    /// Removes a unit; nil when it is not here.
    public mutating func remove(unit: Int) -> WaitingRequest? {
        guard let index = storage[front...].firstIndex(where: { $0.unit == unit }) else {
            return nil
        }
        let request = storage.remove(at: index)
        rows -= request.rows
        compact()
        return request
    }

    /// Moves requests of one shape, from the front on, behind `taken` for as long as they fit `room`
    /// rows. A request that does not fit ends it: smaller ones do not overtake it.
    public mutating func take(
        shape: Int, room: inout Int, into taken: inout [WaitingRequest]
    ) {
        var kept = front
        var index = front
        var isFull = false
        while index < storage.count, !isFull {
            let request = storage[index]
            if request.shape == shape, !request.isPartial {
                if request.rows <= room {
                    taken.append(request)
                    room -= request.rows
                    rows -= request.rows
                    index += 1
                    continue
                }
                isFull = true
                break
            }
            storage[kept] = request
            kept += 1
            index += 1
        }
        close(kept, index)
    }

    /// Closes the gap between what was kept at the front and the rest.
    private mutating func close(_ kept: Int, _ next: Int) {
        let gap = next - kept
        guard gap > 0 else { return }
        // What was skipped moves up to the rest: it is the shorter part.
        var source = kept
        var target = next
        while source > front {
            source -= 1
            target -= 1
            storage[target] = storage[source]
        }
        front += gap
        compact()
    }

    /// Rows that are due before a request with this deadline would be.
    public func rowsAhead(of deadline: UInt64) -> Int {
        var ahead = rows
        var index = storage.count
        while index > front, storage[index - 1].deadline > deadline {
            index -= 1
            ahead -= storage[index].rows
        }
        return ahead
    }

    /// Rows that may share a run of a shape, `limit` at most.
    public func rows(shape: Int, limit: Int) -> Int {
        var sum = 0
        for index in front..<storage.count
        where storage[index].shape == shape && !storage[index].isPartial {
            guard sum + storage[index].rows <= limit else { return sum }
            sum += storage[index].rows
        }
        return sum
    }

    /// The first request of a shape.
    public func first(shape: Int) -> WaitingRequest? {
        for index in front..<storage.count
        where storage[index].shape == shape && !storage[index].isPartial {
            return storage[index]
        }
        return nil
    }

    /// When the one that waits longest came.
    public var oldestArrival: UInt64? {
        storage[front...].min { $0.arrival < $1.arrival }?.arrival
    }

    private mutating func compact() {
        if front == storage.count {
            storage.removeAll(keepingCapacity: true)
            front = 0
        } else if front > 64, front * 2 > storage.count {
            storage.removeFirst(front)
            front = 0
        }
    }
}
